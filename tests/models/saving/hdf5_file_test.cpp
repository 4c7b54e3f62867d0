#include "models/saving/hdf5_file.h"

#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "core/base/error.h"
#include "core/ops/unary.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

class Hdf5FileTest : public strata::testing::TemporaryFolder {
 protected:
  fs::path path(const std::string& name) const { return folder_ / name; }
};

std::string error_of(const auto& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

// A file that Hdf5File would not write, made with HDF5 itself.
void make_raw(const fs::path& file, const auto& fill) {
  const hid_t id = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  ASSERT_GE(id, 0);
  fill(id);
  H5Fclose(id);
}

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Tensor sample_tensor(DType dtype) {
  Tensor t(dtype, Shape{2, 3});
  dispatch(dtype, [&]<class T>() {
    for (int i = 0; i < 6; ++i) {
      T& to = t.mutable_data<T>()[static_cast<std::size_t>(i)];
      if constexpr (std::same_as<T, Half>)
        to = to_half(static_cast<float>(i) - 2.5f);
      else if constexpr (std::same_as<T, BFloat16>)
        to = to_bfloat16(static_cast<float>(i) - 2.5f);
      else if constexpr (std::same_as<T, bool>)
        to = i % 2 == 1;
      else
        to = static_cast<T>(i);
    }
  });
  return t;
}

TEST_F(Hdf5FileTest, EveryDtypeComesBackAsItWent) {
  const DType all[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                       DType::i32, DType::i64, DType::u8,  DType::boolean};
  const auto out = Hdf5File::create(path("a.h5"));
  for (const DType d : all) out->write("group/" + std::string(to_string(d)), sample_tensor(d));
  out->write("scalar", Tensor::scalar<std::int64_t>(-7));
  out->write("none", Tensor(DType::f32, Shape{0, 4}));
  out->close();
  const auto in = Hdf5File::open(path("a.h5"));
  for (const DType d : all) {
    const std::string name = "group/" + std::string(to_string(d));
    const Tensor want = sample_tensor(d), got = in->read(name);
    EXPECT_EQ(in->dataset_type(name), want.type());
    ASSERT_EQ(got.type(), want.type());
    EXPECT_EQ(std::memcmp(got.raw(), want.raw(), want.bytes()), 0) << name;
  }
  EXPECT_EQ(in->read("scalar").shape(), Shape{});
  EXPECT_EQ(in->read("scalar").item<std::int64_t>(), -7);
  EXPECT_EQ(in->read("none").shape(), Shape({0, 4}));
}

// What read() gives other types for, or cannot give, too.
TEST_F(Hdf5FileTest, DataSetsAreDescribedAsTheyAreStored) {
  make_raw(path("a.h5"), [](hid_t file) {
    const hsize_t sizes[] = {3, 2};
    const hid_t space = H5Screate_simple(2, sizes, nullptr);
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 5);
    for (const auto& [name, type] : {std::pair{"i8", H5T_STD_I8LE}, std::pair{"u32", H5T_STD_U32BE}, std::pair{"text", text}})
      H5Dclose(H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Tclose(text);
    H5Sclose(space);
  });
  const auto raw = Hdf5File::open(path("a.h5"));
  EXPECT_EQ(raw->describe("i8").type, "int8");
  EXPECT_EQ(raw->describe("i8").shape, Shape({3, 2}));
  EXPECT_EQ(raw->describe("u32").type, "uint32");
  EXPECT_EQ(raw->describe("text").type, "text");
  EXPECT_NE(error_of([&] { raw->describe("none"); }).find("is not in the file"), std::string::npos);
  EXPECT_NE(error_of([&] { raw->describe(""); }).find("is not a data set"), std::string::npos);

  const auto out = Hdf5File::create(path("b.h5"));
  for (const DType d : {DType::f16, DType::bf16, DType::boolean})
    out->write(std::string(to_string(d)), sample_tensor(d));
  out->close();
  const auto in = Hdf5File::open(path("b.h5"));
  for (const DType d : {DType::f16, DType::bf16, DType::boolean}) {
    const StoredArray array = in->describe(std::string(to_string(d)));
    EXPECT_EQ(array.type, keras_name(d));
    EXPECT_EQ(array.bytes, 6 * size_of(d));
  }
}

TEST_F(Hdf5FileTest, ElementsAreConvertedWhenAnotherDtypeIsAsked) {
  const auto out = Hdf5File::create(path("a.h5"));
  for (const DType d : {DType::f64, DType::f16, DType::bf16, DType::i64, DType::boolean})
    out->write(std::string(to_string(d)), sample_tensor(d));
  out->close();
  const auto in = Hdf5File::open(path("a.h5"));
  for (const DType from : {DType::f64, DType::f16, DType::bf16, DType::i64, DType::boolean})
    for (const DType to : {DType::f32, DType::f16, DType::bf16, DType::i32}) {
      const Tensor want = sample_tensor(from), got = in->read(std::string(to_string(from)), to);
      ASSERT_EQ(got.dtype(), to);
      for (int i = 0; i < 6; ++i)  // integers cut off
        EXPECT_EQ(got.at<double>(i), is_floating(to) ? want.at<double>(i) : std::trunc(want.at<double>(i)))
            << to_string(from) << " to " << to_string(to);
    }
}

TEST_F(Hdf5FileTest, NumbersBeyondAnElementTypeBecomeItsLimit) {
  const auto out = Hdf5File::create(path("a.h5"));
  out->write("x", cast(Tensor::from<float>({4}, {-1e30f, 1e30f, NAN, 300.0f}), DType::bf16));
  out->close();
  const Tensor t = Hdf5File::open(path("a.h5"))->read("x", DType::u8);
  EXPECT_EQ(t.at<int>(0), 0);
  EXPECT_EQ(t.at<int>(1), 255);
  EXPECT_EQ(t.at<int>(2), 0);
  EXPECT_EQ(t.at<int>(3), 255);
}

TEST_F(Hdf5FileTest, GroupsAreMadeListedAndTold) {
  const auto out = Hdf5File::create(path("a.h5"));
  out->create_group("/layers/dense/vars");
  out->write("layers/dense/vars/0", Tensor::scalar(1.0f));
  out->create_group("layers/dense_1");
  out->create_group("layers/dense_1");  // no error
  out->close();
  const auto in = Hdf5File::open(path("a.h5"));
  EXPECT_EQ(in->children(""), std::vector<std::string>{"layers"});
  EXPECT_EQ(in->children("layers"), (std::vector<std::string>{"dense", "dense_1"}));
  EXPECT_TRUE(in->has_group("/layers/dense/vars/"));
  EXPECT_FALSE(in->has_group("layers/dense/vars/0"));
  EXPECT_TRUE(in->has_dataset("layers/dense/vars/0"));
  EXPECT_FALSE(in->has_dataset("layers/dense/vars/0/below"));
  EXPECT_FALSE(in->has_group("layers/nothing/here"));
}

TEST_F(Hdf5FileTest, TextAttributesInEveryForm) {
  const auto out = Hdf5File::create(path("a.h5"));
  out->create_group("g");
  const std::vector<std::string> names = {"dense", "a much longer name", ""};
  for (const auto& [name, kind] :
       {std::pair{"u", Hdf5Text::variable_utf8}, {"v", Hdf5Text::variable_ascii}, {"f", Hdf5Text::fixed_ascii}}) {
    out->write_text("g", std::string("one_") + name, "first", kind);
    out->write_text("g", std::string("one_") + name, "Grüße", kind);  // replaces
    out->write_texts("/", std::string("list_") + name, names, kind);
    out->write_texts("/", std::string("empty_") + name, {}, kind);
  }
  const std::string config(100'000, 'x');  // longer than an object header holds
  out->write_text("", "model_config", config, Hdf5Text::variable_ascii);
  out->close();
  const auto in = Hdf5File::open(path("a.h5"));
  for (const std::string form : {"u", "v", "f"}) {
    EXPECT_EQ(in->read_text("g", "one_" + form), "Grüße");
    EXPECT_EQ(in->read_texts("/", "list_" + form), names);
    EXPECT_TRUE(in->read_texts("/", "empty_" + form).empty());
  }
  EXPECT_EQ(in->read_text("/", "model_config"), config);
  EXPECT_TRUE(in->has_attribute("g", "one_u"));
  EXPECT_FALSE(in->has_attribute("g", "two"));
  EXPECT_EQ(error_of([&] { in->read_text("g", "two"); }), "[" + path("a.h5").string() + "] 'g' has no attribute 'two'");
  EXPECT_NE(error_of([&] { in->read_text("", "list_f"); }).find("expected one text; received shape [3]"),
            std::string::npos);
}

TEST_F(Hdf5FileTest, ReadsPaddingAndTypesOfOtherWriters) {
  make_raw(path("a.h5"), [](hid_t file) {
    const hsize_t two = 2;
    const hid_t space = H5Screate_simple(1, &two, nullptr);
    for (const auto& [name, padding] : {std::pair{"space", H5T_STR_SPACEPAD}, {"term", H5T_STR_NULLTERM}}) {
      const hid_t type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, 4);
      H5Tset_strpad(type, padding);
      const hid_t a = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
      H5Awrite(a, type, padding == H5T_STR_SPACEPAD ? "ab  cdef" : "ab\0xcde\0");
      H5Aclose(a);
      H5Tclose(type);
    }
    const short values[] = {-300, 7};
    const hid_t d = H5Dcreate2(file, "big_endian", H5T_STD_I16BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(d, H5T_NATIVE_SHORT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(d);
    H5Sclose(space);
  });
  const auto in = Hdf5File::open(path("a.h5"));
  EXPECT_EQ(in->read_texts("", "space"), (std::vector<std::string>{"ab", "cdef"}));
  EXPECT_EQ(in->read_texts("", "term"), (std::vector<std::string>{"ab", "cde"}));
  EXPECT_EQ(in->read("big_endian").dtype(), DType::i32);
  EXPECT_EQ(in->read("big_endian", DType::f32).at<float>(0), -300.0f);
}

TEST_F(Hdf5FileTest, TheSameContentGivesTheSameBytes) {
  const auto write = [&](const fs::path& file) {
    const auto out = Hdf5File::create(file);
    out->write("a/b/c", sample_tensor(DType::f32));
    out->write_text("a", "name", "x", Hdf5Text::variable_utf8);
    out->close();
  };
  write(path("1.h5"));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // a time stamp would differ
  write(path("2.h5"));
  EXPECT_EQ(bytes_of(path("1.h5")), bytes_of(path("2.h5")));
  EXPECT_EQ(bytes_of(path("1.h5"))[8], '\0');  // superblock version 0: the earliest format
}

TEST_F(Hdf5FileTest, FilesThatAreNotWhatTheyShouldBe) {
  const auto message = [&](const std::string& name) { return error_of([&] { Hdf5File::open(path(name)); }); };
  EXPECT_EQ(message("missing.h5"), "[" + path("missing.h5").string() + "] no such file");
  EXPECT_NE(message("").find("received a folder"), std::string::npos);
  std::ofstream(path("text.h5")) << "this is not HDF5 at all";
  EXPECT_NE(message("text.h5").find("cannot be opened as an HDF5 file: file signature not found"), std::string::npos);
  std::ofstream(path("empty.h5")).close();
  EXPECT_NE(message("empty.h5").find("cannot be opened as an HDF5 file"), std::string::npos);
  {
    const auto out = Hdf5File::create(path("cut.h5"));
    out->write("x", Tensor(DType::f32, Shape{1000}));
    out->close();
  }
  fs::resize_file(path("cut.h5"), 3000);
  EXPECT_NE(message("cut.h5").find("truncated file"), std::string::npos) << message("cut.h5");
}

TEST_F(Hdf5FileTest, DamagedStructureIsAnErrorAndNoCrash) {
  {
    const auto out = Hdf5File::create(path("good.h5"));
    out->write("layers/dense/vars/0", sample_tensor(DType::f32));
    out->write_text("layers/dense/vars", "name", "dense", Hdf5Text::variable_utf8);
    out->write_texts("", "layer_names", {"dense", "dense_1"}, Hdf5Text::variable_ascii);
    out->close();
  }
  const std::string good = bytes_of(path("good.h5"));
  const std::size_t heap = good.find("GCOL");
  ASSERT_NE(heap, std::string::npos);
  const auto read_all = [&](std::size_t at, char with) {
    std::string bad = good;
    std::fill_n(bad.begin() + static_cast<std::ptrdiff_t>(at), std::min<std::size_t>(24, bad.size() - at), with);
    std::ofstream(path("bad.h5"), std::ios::binary) << bad;
    return error_of([&] {
      const auto in = Hdf5File::open(path("bad.h5"));
      in->read_texts("", "layer_names");
      in->read_text("layers/dense/vars", "name");
      in->read("layers/dense/vars/0");
    });
  };
  const std::string in_heap = read_all(heap + 40, '\xff');
  EXPECT_NE(in_heap.find("is damaged: the texts at byte"), std::string::npos) << in_heap;
  for (const std::size_t at : {0, 96}) {  // the superblock, the root group
    const std::string message = read_all(at, '\xff');
    EXPECT_NE(message.find("cannot be opened as an HDF5 file"), std::string::npos) << message;
  }
}

TEST_F(Hdf5FileTest, LinksOutOfTheTreeAreRefused) {
  const auto other = Hdf5File::create(path("other.h5"));
  other->write("secret", Tensor::scalar(1.0f));
  other->close();
  make_raw(path("a.h5"), [&](hid_t file) {
    const hid_t group = H5Gcreate2(file, "real", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
    H5Lcreate_soft("/real", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external(path("other.h5").c_str(), "/secret", file, "external", H5P_DEFAULT, H5P_DEFAULT);
  });
  const auto in = Hdf5File::open(path("a.h5"));
  EXPECT_NE(error_of([&] { in->has_group("soft"); }).find("'soft' is a soft link, which is refused"),
            std::string::npos);
  EXPECT_NE(error_of([&] { in->has_group("soft/below"); }).find("soft link"), std::string::npos);
  EXPECT_NE(error_of([&] { in->read("external"); }).find("is a link out of the file"), std::string::npos);
}

TEST_F(Hdf5FileTest, AGroupWithinItselfEndsWhereTheCallerStops) {
  make_raw(path("a.h5"), [](hid_t file) {
    H5Gclose(H5Gcreate2(file, "layers", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Lcreate_hard(file, "/", file, "layers/up", H5P_DEFAULT, H5P_DEFAULT);
  });
  const auto in = Hdf5File::open(path("a.h5"));
  EXPECT_EQ(in->children("layers/up/layers/up"), std::vector<std::string>{"layers"});
  EXPECT_FALSE(in->has_dataset("layers/up/layers/up/layers/x"));
}

TEST_F(Hdf5FileTest, AGroupOfManyNamesIsListedInOneWalk) {
  make_raw(path("a.h5"), [](hid_t file) {
    const hid_t group = H5Gcreate2(file, "many", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    for (int i = 0; i < 20'000; ++i)
      H5Lcreate_hard(file, "/many", group, std::to_string(100'000 + i).c_str(), H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
  });
  const std::vector<std::string> names = Hdf5File::open(path("a.h5"))->children("many");
  ASSERT_EQ(names.size(), 20'000u);
  EXPECT_EQ(names.front(), "100000");
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST_F(Hdf5FileTest, StorageElsewhereAndAbsurdSizesAreRefused) {
  std::ofstream(path("plain.bin")) << std::string(400, 'x');
  make_raw(path("a.h5"), [&](hid_t file) {
    const hsize_t hundred = 100, huge = hsize_t{1} << 40;
    const hsize_t overflow[] = {hsize_t{1} << 32, hsize_t{1} << 31};
    const hsize_t beside_zero[] = {0, hsize_t{1} << 62, hsize_t{1} << 62};
    const hid_t nothing = H5Screate_simple(3, beside_zero, nullptr);
    H5Dclose(H5Dcreate2(file, "nothing", H5T_IEEE_F32LE, nothing, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(nothing);
    const hid_t space = H5Screate_simple(1, &hundred, nullptr);
    const hid_t external = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(external, path("plain.bin").c_str(), 0, 400);
    H5Dclose(H5Dcreate2(file, "external", H5T_IEEE_F32LE, space, H5P_DEFAULT, external, H5P_DEFAULT));
    const hid_t virtual_ = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_virtual(virtual_, space, path("other.h5").c_str(), "/secret", space);
    H5Dclose(H5Dcreate2(file, "virtual", H5T_IEEE_F32LE, space, H5P_DEFAULT, virtual_, H5P_DEFAULT));
    const hid_t big = H5Screate_simple(1, &huge, nullptr);  // never written, so it takes no room
    H5Dclose(H5Dcreate2(file, "contiguous", H5T_IEEE_F32LE, big, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    const hid_t chunked = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(chunked, 1, &hundred);
    H5Dclose(H5Dcreate2(file, "chunked", H5T_IEEE_F32LE, big, H5P_DEFAULT, chunked, H5P_DEFAULT));
    const hid_t wide = H5Screate_simple(2, overflow, nullptr);
    const hsize_t chunk[] = {100, 100};
    H5Pset_chunk(chunked, 2, chunk);
    H5Dclose(H5Dcreate2(file, "overflow", H5T_IEEE_F32LE, wide, H5P_DEFAULT, chunked, H5P_DEFAULT));
    for (const hid_t id : {external, virtual_, chunked}) H5Pclose(id);
    for (const hid_t id : {space, big, wide}) H5Sclose(id);
  });
  const auto in = Hdf5File::open(path("a.h5"));
  const auto message = [&](const std::string& name) { return error_of([&] { in->read(name); }); };
  EXPECT_NE(message("external").find("keeps its data in other files"), std::string::npos) << message("external");
  EXPECT_NE(message("virtual").find("virtual data set"), std::string::npos) << message("virtual");
  EXPECT_NE(message("contiguous").find("more than the file can hold"), std::string::npos) << message("contiguous");
  EXPECT_NE(message("chunked").find("more than the file can hold"), std::string::npos) << message("chunked");
  EXPECT_NE(message("overflow").find("absurd size"), std::string::npos) << message("overflow");
  EXPECT_NE(message("nothing").find("absurd size"), std::string::npos) << message("nothing");
}

TEST_F(Hdf5FileTest, ElementsThatAreNoNumbersAreRefused) {
  make_raw(path("a.h5"), [](hid_t file) {
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t opaque = H5Tcreate(H5T_OPAQUE, 2);
    H5Dclose(H5Dcreate2(file, "opaque", opaque, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(H5Dcreate2(file, "text", H5T_C_S1, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Tclose(opaque);
    H5Sclose(space);
  });
  const auto in = Hdf5File::open(path("a.h5"));
  for (const std::string name : {"opaque", "text"})
    EXPECT_NE(error_of([&] { in->dataset_type(name); }).find("neither numbers, nor booleans"), std::string::npos);
}

TEST_F(Hdf5FileTest, MisuseIsAnErrorWithTheObjectsName) {
  const auto out = Hdf5File::create(path("a.h5"));
  out->write("x", Tensor::scalar(1.0f));
  EXPECT_NE(error_of([&] { out->write("x", Tensor::scalar(2.0f)); }).find("'x' cannot be written: the name is taken"),
            std::string::npos);
  EXPECT_NE(error_of([&] { out->write("x/y", Tensor::scalar(2.0f)); }).find("'x/y' cannot be written"),
            std::string::npos);
  EXPECT_NE(error_of([&] { out->read("z"); }).find("'z' is not in the file"), std::string::npos);
  EXPECT_NE(error_of([&] { out->children("x"); }).find("'x' is not a group"), std::string::npos);
  out->close();
  EXPECT_NE(error_of([&] { out->read("x"); }).find("the file is closed"), std::string::npos);
  EXPECT_NE(error_of([&] { Hdf5File::create(path("no/such/folder.h5")); }).find("cannot be created"),
            std::string::npos);
}

TEST_F(Hdf5FileTest, AFullDiskIsAnError) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100'000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = error_of([&] {
    const auto out = Hdf5File::create(path("full.h5"));
    out->write("x", Tensor(DType::f32, Shape{100'000}));
    out->close();
  });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("cannot be written"), std::string::npos) << message;
  EXPECT_NE(message.find(path("full.h5").string()), std::string::npos) << message;
  const auto again = Hdf5File::create(path("again.h5"));  // the library is still usable
  again->write("x", Tensor::scalar(3.0f));
  again->close();
  EXPECT_EQ(Hdf5File::open(path("again.h5"))->read("x").item<float>(), 3.0f);
}

TEST_F(Hdf5FileTest, ThreadsMayUseFilesAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const fs::path file = path(std::to_string(t) + ".h5");
      for (int i = 0; i < 20; ++i) {
        const auto out = Hdf5File::create(file);
        out->write("g/x", Tensor::scalar(t * 100 + i));
        out->close();
        EXPECT_EQ(Hdf5File::open(file)->read("g/x").item<int>(), t * 100 + i);
      }
    });
  for (std::thread& t : threads) t.join();
}

TEST_F(Hdf5FileTest, ThePrintingOfErrorsIsPutBack) {
  H5E_auto2_t before = nullptr, after = nullptr;
  void* client = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &before, &client);
  ::testing::internal::CaptureStderr();
  error_of([&] { Hdf5File::open(path("text.h5")); });
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  H5Eget_auto2(H5E_DEFAULT, &after, &client);
  EXPECT_EQ(before, after);
}

}  // namespace
}  // namespace strata
