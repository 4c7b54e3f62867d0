#include "models/saving/tmp_stub.h"
namespace strata {
static std::string name_in(const ConfigValue& c){ if (auto*s=std::get_if<std::string>(&c.variant())) return *s; return c.as_config().at("class_name").as_string(); }
static ConfigValue obj(std::string cls, Config c){ return Config{{"module","keras.optimizers"},{"class_name",cls},{"config",c},{"registered_name",nullptr}}; }
ConfigValue to_config(const Loss&o){return obj(o.class_name(),o.config());}
void from_config(const ConfigValue&c, Loss&o){ o=Loss(name_in(c)); }
ConfigValue to_config(const Metric&o){return obj(o.class_name(),o.config());}
void from_config(const ConfigValue&c, Metric&o){ o=Metric(name_in(c)); }
}
