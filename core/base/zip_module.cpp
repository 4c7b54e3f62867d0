// Zip archives by libzip.
#include <zip.h>

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/zip_archive.h"

namespace strata {

namespace fs = std::filesystem;

namespace {

std::string text_of(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

/// Whether a member of this name would leave the folder that it is unpacked into, or be read as another one.
bool is_unsafe(const std::string& name) {
  if (name.empty() || name.front() == '/' || name.find('\\') != std::string::npos) return true;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    if (name.compare(begin, end - begin, "..") == 0) return true;
    begin = end + 1;
  }
  return false;
}

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, Discard>;

struct Close {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};

/// An archive that is open for reading.
class Reader final : public ZipReader {
 public:
  explicit Reader(const fs::path& file);
  const std::vector<Member>& members() const override { return members_; }
  std::string read(std::string_view member, std::uint64_t limit) const override;

 private:
  [[noreturn]] void fail(std::string_view member, const std::string& what) const {
    throw Error(name_, "the member '" + std::string(member) + "' " + what);
  }
  void list();

  std::string name_;
  Archive archive_;
  std::vector<Member> members_;
};

Reader::Reader(const fs::path& file) : name_(file.string()) {
  std::error_code status;
  const auto kind = fs::status(file, status).type();
  if (kind == fs::file_type::not_found) throw Error(name_, "no such file");
  if (kind == fs::file_type::directory) throw Error(name_, "expected a zip archive; received a folder");
  int code = 0;
  archive_.reset(zip_open(file.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  if (!archive_) throw Error(name_, "cannot be opened as a zip archive: " + text_of(code));
  list();
}

void Reader::list() {
  const auto count = zip_get_num_entries(archive_.get(), 0);
  if (static_cast<std::uint64_t>(count) > most_members)
    throw Error(name_, "holds " + std::to_string(count) + " members; expected at most " + std::to_string(most_members));
  std::set<std::string_view> seen;
  members_.reserve(static_cast<std::size_t>(count));  // names are looked at while the list grows
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
    zip_stat_t about;
    if (zip_stat_index(archive_.get(), i, 0, &about) != 0 || !(about.valid & ZIP_STAT_NAME) ||
        !(about.valid & ZIP_STAT_SIZE))
      throw Error(name_, "the member " + std::to_string(i) + " is damaged: " + zip_strerror(archive_.get()));
    members_.push_back({about.name, about.size});
    if (is_unsafe(members_.back().name)) fail(about.name, "has a name that leads out of the archive, which is refused");
    if (!seen.insert(members_.back().name).second) fail(about.name, "is there twice");
  }
}

std::string Reader::read(std::string_view member, std::uint64_t limit) const {
  const auto at = std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.name == member; });
  if (at == members_.end()) throw Error(name_, "there is no member '" + std::string(member) + "'");
  const auto index = static_cast<zip_uint64_t>(at - members_.begin());
  zip_stat_t about;
  if (zip_stat_index(archive_.get(), index, 0, &about) != 0) fail(member, "is damaged");
  if (about.encryption_method != ZIP_EM_NONE) fail(member, "is encrypted, which is not supported");
  if (about.comp_method != ZIP_CM_STORE && about.comp_method != ZIP_CM_DEFLATE)
    fail(member, "is compressed by method " + std::to_string(about.comp_method) + "; expected stored or deflated");
  if (about.size > limit)
    fail(member, "holds " + std::to_string(about.size) + " bytes; expected at most " + std::to_string(limit));
  if (about.size > always_allowed && about.size / most_inflated > about.comp_size)
    fail(member, "declares " + std::to_string(about.size) + " bytes in " + std::to_string(about.comp_size) +
                     ", more than " + std::to_string(most_inflated) + " times as many, which is refused");
  const std::unique_ptr<zip_file_t, Close> opened(zip_fopen_index(archive_.get(), index, 0));
  if (!opened) fail(member, std::string("cannot be opened: ") + zip_strerror(archive_.get()));
  std::string content;
  // Grows with what is there, not with what is declared. The byte beyond the end makes libzip verify the checksum.
  constexpr std::size_t step = std::size_t{1} << 22;
  for (;;) {
    const std::size_t have = content.size();
    content.resize(have + std::min<std::size_t>(step, about.size - have + 1));
    const zip_int64_t got = zip_fread(opened.get(), content.data() + have, content.size() - have);
    if (got < 0) fail(member, std::string("is damaged: ") + zip_file_strerror(opened.get()));
    content.resize(have + static_cast<std::size_t>(got));
    if (content.size() > about.size) fail(member, "is damaged: it is longer than declared");
    if (got == 0) break;
  }
  if (content.size() != about.size) fail(member, "is damaged: it is shorter than declared");
  return content;
}

void write_archive(const fs::path& file, const std::vector<ZipContent>& members) {
  const std::string name = file.string();
  int code = 0;
  Archive archive(zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!archive) throw Error(name, "cannot be written: " + text_of(code));
  const auto fail = [&] { throw Error(name, std::string("cannot be written: ") + zip_strerror(archive.get())); };
  constexpr zip_uint16_t midnight = 0, first_day = (1 << 5) | 1;  // of 1980, as DOS counts
  for (const ZipContent& m : members) {
    zip_source_t* const source = zip_source_buffer(archive.get(), m.content.data(), m.content.size(), 0);
    if (!source) fail();
    const zip_int64_t index = zip_file_add(archive.get(), m.name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      fail();
    }
    const auto at = static_cast<zip_uint64_t>(index);
    if (zip_set_file_compression(archive.get(), at, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(archive.get(), at, midnight, first_day, 0) != 0)
      fail();
  }
  if (zip_close(archive.get()) != 0) fail();
  [[maybe_unused]] zip_t* const closed = archive.release();
}

class LibZip final : public ZipModule {
 public:
  std::unique_ptr<ZipReader> open(const fs::path& file) const override { return std::make_unique<Reader>(file); }
  void write(const fs::path& file, const std::vector<ZipContent>& members) const override {
    write_archive(file, members);
  }
};

const RegisteredModule<LibZip> libzip;

}  // namespace

}  // namespace strata
