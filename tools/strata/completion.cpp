#include <cstdio>

#include "tools/strata/commands.h"

namespace strata::tools {

namespace {
std::string options_of(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) words += (words.empty() ? "--" : " --") + name;
  return words;
}

std::string names_of(const CLI::App& strata) {
  std::string words;
  for (const CLI::App* command : strata.get_subcommands([](const CLI::App*) { return true; }))
    words += (words.empty() ? "" : " ") + command->get_name();
  return words;
}

/// Commands first, then the command's options or file names.
std::string bash_script(const CLI::App& strata) {
  std::string script =
      "_strata() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} words\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"" + names_of(strata) + " --help --version\" -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${COMP_WORDS[1]} in\n";
  for (const CLI::App* command : strata.get_subcommands([](const CLI::App*) { return true; }))
    script += "    " + command->get_name() + ") words=\"" + options_of(*command) + "\" ;;\n";
  return script +
         "  esac\n"
         "  if [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _strata strata\n";
}

std::string zsh_script(const CLI::App& strata) {
  std::string script =
      "#compdef strata\n"
      "_strata() {\n"
      "  if (( CURRENT == 2 )); then\n"
      "    local -a commands=(\n";
  for (const CLI::App* command : strata.get_subcommands([](const CLI::App*) { return true; }))
    script += "      '" + command->get_name() + ":" + command->get_description() + "'\n";
  script +=
      "    )\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  local -a offered\n"
      "  case $words[2] in\n";
  for (const CLI::App* command : strata.get_subcommands([](const CLI::App*) { return true; }))
    script += "    " + command->get_name() + ") offered=(" + options_of(*command) + ") ;;\n";
  return script +
         "  esac\n"
         "  if [[ $PREFIX == -* ]]; then compadd -- $offered; else _files; fi\n"
         "}\n"
         "compdef _strata strata\n";
}
}  // namespace

void add_completion(CLI::App& strata) {
  CLI::App* command = strata.add_subcommand("completion", "prints a script that completes this command in a shell");
  const auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  command->footer("Examples:\n  source <(strata completion bash)\n  strata completion zsh > ~/.zfunc/_strata");
  command->callback([shell, app = &strata] {
    std::fputs((*shell == "bash" ? bash_script(*app) : zsh_script(*app)).c_str(), stdout);
  });
}

}  // namespace strata::tools
