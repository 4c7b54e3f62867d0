#include "models/saving/tmp_stub.h"
namespace strata {
static std::string name_in(const ConfigValue& c){ if (auto*s=std::get_if<std::string>(&c.variant())) return *s; return c.as_config().at("class_name").as_string(); }
static ConfigValue obj(std::string cls, Config c){ return Config{{"module","keras.optimizers"},{"class_name",cls},{"config",c},{"registered_name",nullptr}}; }
ConfigValue to_config(const Optimizer&o){return obj(o.class_name(),o.config());}
void from_config(const ConfigValue&c, Optimizer&o){ std::string n=name_in(c); if(n.starts_with("Custom>")) n=n.substr(7); o=Optimizer(n); if(auto*k=std::get_if<Config>(&c.variant())){ auto&g=k->at("config").as_config(); if(g.contains("learning_rate")) o.set_learning_rate(g.at("learning_rate").as_double()); } }
ConfigValue to_config(const Loss&o){return obj(o.class_name(),o.config());}
void from_config(const ConfigValue&c, Loss&o){ o=Loss(name_in(c)); }
ConfigValue to_config(const Metric&o){return obj(o.class_name(),o.config());}
void from_config(const ConfigValue&c, Metric&o){ o=Metric(name_in(c)); }
}
