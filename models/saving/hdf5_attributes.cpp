// Text attributes of HDF5 files, in the forms that the generations of Keras and h5py write.
#include <algorithm>

#include "core/base/error.h"
#include "models/saving/hdf5_impl.h"

namespace strata::hdf5 {

namespace {

// Frees what HDF5 allocated for variable-length texts, also when an error leaves the scope.
class VariableTexts {
 public:
  VariableTexts(hid_t type, hid_t space, std::size_t count) : type_(type), space_(space), texts(count, nullptr) {}
  VariableTexts(const VariableTexts&) = delete;
  VariableTexts& operator=(const VariableTexts&) = delete;
  ~VariableTexts() { H5Dvlen_reclaim(type_, space_, H5P_DEFAULT, texts.data()); }

 private:
  hid_t type_, space_;

 public:
  std::vector<char*> texts;
};

std::string without_padding(std::string_view field, H5T_str_t padding) {
  if (padding == H5T_STR_NULLTERM) return std::string(field.substr(0, field.find('\0')));
  const char fill = padding == H5T_STR_SPACEPAD ? ' ' : '\0';
  while (field.ends_with(fill)) field.remove_suffix(1);
  return std::string(field);
}

Handle text_type(Hdf5Text kind, const std::vector<std::string>& texts) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  if (kind == Hdf5Text::fixed_ascii) {
    std::size_t longest = 1;
    for (const std::string& t : texts) longest = std::max(longest, t.size());
    H5Tset_size(type.get(), longest);
    H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  } else {
    H5Tset_size(type.get(), H5T_VARIABLE);
  }
  H5Tset_cset(type.get(), kind == Hdf5Text::variable_utf8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
  return type;
}

herr_t write_fixed(hid_t attribute, hid_t type, const std::vector<std::string>& texts) {
  const std::size_t width = H5Tget_size(type);
  std::string fields(width * texts.size(), '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) fields.replace(i * width, texts[i].size(), texts[i]);
  return H5Awrite(attribute, type, fields.data());
}

herr_t write_variable(hid_t attribute, hid_t type, const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const std::string& t : texts) pointers.push_back(t.c_str());
  return H5Awrite(attribute, type, pointers.data());
}

}  // namespace

std::vector<std::string> File::texts(const std::string& object, const std::string& attribute_name, bool scalar) const {
  const std::string label = object + "@" + attribute_name;
  const Handle owner = open_object(object);
  if (H5Aexists(owner.get(), attribute_name.c_str()) <= 0) fail(object, "has no attribute '" + attribute_name + "'");
  const Handle attribute =
      checked(H5Aopen(owner.get(), attribute_name.c_str(), H5P_DEFAULT), H5Aclose, label, "cannot be opened");
  const Handle type = checked(H5Aget_type(attribute.get()), H5Tclose, label, "has no type");
  const Handle space = checked(H5Aget_space(attribute.get()), H5Sclose, label, "has no shape");
  const Shape shape = shape_of(space.get(), label);
  if (shape.rank() > 1 || (scalar && shape.rank() == 1 && shape[0] != 1))
    fail(label,
         std::string("expected ") + (scalar ? "one text" : "a list of texts") + "; received shape " + to_string(shape));
  const auto count = static_cast<std::uint64_t>(shape.rank() == 1 ? shape[0] : 1);
  if (count == 0) return {};
  if (H5Tget_class(type.get()) != H5T_STRING) fail(label, "expected text; received elements of another type");
  const std::size_t width = H5Tget_size(type.get());
  if (width == 0 || count > bytes_ / width) fail(label, "declares more than the file can hold");

  std::vector<std::string> result;
  if (H5Tis_variable_str(type.get()) > 0) {
    check_text_heaps();
    VariableTexts read(type.get(), space.get(), count);
    if (H5Aread(attribute.get(), type.get(), read.texts.data()) < 0) fail_hdf5(label, "cannot be read");
    for (const char* text : read.texts) result.emplace_back(text ? text : "");
    return result;
  }
  std::string fields(width * count, '\0');
  if (H5Aread(attribute.get(), type.get(), fields.data()) < 0) fail_hdf5(label, "cannot be read");
  const H5T_str_t padding = H5Tget_strpad(type.get());
  for (std::size_t i = 0; i < count; ++i)
    result.push_back(without_padding(std::string_view(fields).substr(i * width, width), padding));
  return result;
}

void File::put_texts(const std::string& object, const std::string& attribute_name,
                     const std::vector<std::string>& texts, Hdf5Text kind, bool scalar) const {
  const std::string label = object + "@" + attribute_name;
  for (const std::string& t : texts)
    if (t.find('\0') != std::string::npos) fail(label, "cannot be written: the text holds a zero byte");
  const Handle owner = open_object(object);
  if (H5Aexists(owner.get(), attribute_name.c_str()) > 0 && H5Adelete(owner.get(), attribute_name.c_str()) < 0)
    fail_hdf5(label, "cannot be replaced");
  const hsize_t count = texts.size();
  const Handle space(scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, nullptr), H5Sclose);
  const Handle type = texts.empty() ? file_type(DType::f64) : text_type(kind, texts);
  const Handle attribute =
      checked(H5Acreate2(owner.get(), attribute_name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
              H5Aclose, label, "cannot be written");
  if (texts.empty()) return;
  const herr_t status = kind == Hdf5Text::fixed_ascii ? write_fixed(attribute.get(), type.get(), texts)
                                                      : write_variable(attribute.get(), type.get(), texts);
  if (status < 0) fail_hdf5(label, "cannot be written");
}

bool File::has_attribute(const std::string& object, const std::string& name) const {
  const Session session;
  return H5Aexists(open_object(object).get(), name.c_str()) > 0;
}

std::string File::read_text(const std::string& object, const std::string& name) const {
  const Session session;
  return texts(object, name, true).front();
}

std::vector<std::string> File::read_texts(const std::string& object, const std::string& name) const {
  const Session session;
  return texts(object, name, false);
}

double File::read_number(const std::string& object, const std::string& name) const {
  const Session session;
  const std::string label = object + "@" + name;
  const Handle owner = open_object(object);
  if (H5Aexists(owner.get(), name.c_str()) <= 0) fail(object, "has no attribute '" + name + "'");
  const Handle attribute =
      checked(H5Aopen(owner.get(), name.c_str(), H5P_DEFAULT), H5Aclose, label, "cannot be opened");
  const Handle type = checked(H5Aget_type(attribute.get()), H5Tclose, label, "has no type");
  const Handle space = checked(H5Aget_space(attribute.get()), H5Sclose, label, "has no shape");
  const H5T_class_t kind = H5Tget_class(type.get());
  if (H5Sget_simple_extent_npoints(space.get()) != 1 || (kind != H5T_INTEGER && kind != H5T_FLOAT))
    fail(label, "expected one number; received something else");
  double number = 0;
  if (H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &number) < 0) fail_hdf5(label, "cannot be read");
  return number;
}

void File::write_text(const std::string& object, const std::string& name, std::string_view text, Hdf5Text kind) {
  const Session session;
  put_texts(object, name, {std::string(text)}, kind, true);
}

void File::write_texts(const std::string& object, const std::string& name, const std::vector<std::string>& texts,
                       Hdf5Text kind) {
  const Session session;
  put_texts(object, name, texts, kind, false);
}

}  // namespace strata::hdf5
