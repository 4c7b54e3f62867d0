#include <gtest/gtest.h>
#include <strata/strata.h>

#include "tests/support/messages.h"

namespace strata {
namespace {

/// Two towers through one layer, a nested model called twice, a nested Sequential, three outputs.
Model branching() {
  const Symbol a = layers::Input({3}, {.name = "a"}), b = layers::Input({3}, {.name = "b"});
  const Layer tower = layers::Dense(4, {.activation = "relu", .name = "tower"});
  const Symbol inner_in = layers::Input({4}, {.name = "inner_in"});
  const Model inner({inner_in}, {layers::Dense(4, {.name = "deep", .trainable = false})(inner_in)}, "inner");
  const Sequential head({layers::Input({4}, {.name = "head_in"}), layers::Dense(2, {.name = "head_dense"})}, "head");
  const Symbol u = inner(tower(a)), v = inner(tower(b));
  return Model({a, b}, {layers::Dense(1, {.name = "out"})(v), head(u), u}, "branching");
}

/// The same outputs from both, the second with the weights of the first.
void expect_same_function(const Model& first, Model second) {
  second.set_weights(first.get_weights());
  Tensors x;
  for (const Symbol& s : first.inputs()) {
    Shape shape = s.shape();
    for (int axis = 0; axis < shape.rank(); ++axis)
      if (shape[axis] == open_dim) shape[axis] = 5;
    x.push_back(random::normal(shape));
  }
  Model a = first;
  const Predictions ya = a.predict(x), yb = second.predict(x);
  ASSERT_EQ(ya.size(), yb.size());
  for (std::size_t i = 0; i < ya.size(); ++i)
    for (std::int64_t k = 0; k < ya[i].size(); ++k) EXPECT_EQ(ya[i].at<float>(k), yb[i].at<float>(k));
}

std::string dense(const std::string& name, const std::string& inbound, const std::string& extra = "") {
  return R"({"class_name": "Dense", "config": {"name": ")" + name + R"(", "units": 2)" + extra + R"(}, "name": ")" + name +
         R"(", "inbound_nodes": )" + inbound + "}";
}

/// A Functional model around these entries, in Keras 2's spelling.
std::string functional(const std::string& entries, const std::string& output = R"([["b", 0, 0]])") {
  return R"({"class_name": "Functional", "config": {"name": "m", "layers": [{"class_name": "InputLayer", "config":
    {"batch_input_shape": [null, 3], "dtype": "float32", "sparse": false, "ragged": false, "name": "in"}, "name": "in",
    "inbound_nodes": []}, )" + entries + R"(], "input_layers": [["in", 0, 0]], "output_layers": )" + output + "}}";
}

TEST(ModelConfig, ABranchingModelRoundTripsInBothSpellings) {
  const Model model = branching();
  const Model same = model_from_json(model.to_json());
  EXPECT_EQ(same.to_json(), model.to_json());
  expect_same_function(model, same);
  const ConfigValue legacy = to_config(model, Spelling::legacy);
  const Model old = model_from_config(legacy);
  EXPECT_EQ(old.to_json(), model.to_json());
  EXPECT_EQ(to_config(old, Spelling::legacy), legacy);
  expect_same_function(model, old);
}

TEST(ModelConfig, FrozenLayersStayFrozenAndOthersDoNot) {
  const Model same = model_from_json(branching().to_json());
  EXPECT_TRUE(same.trainable());
  EXPECT_FALSE(Model(same.get_layer("inner")).get_layer("deep").trainable());
  EXPECT_TRUE(same.get_layer("tower").trainable());
  const Model model = branching();
  model.get_layer("inner").set_trainable(false);
  EXPECT_EQ(clone_model(model).trainable_weights().size(), model.trainable_weights().size());
}

TEST(ModelConfig, LegacySpellingIsKeras2s) {
  const std::string text = to_json(to_config(branching(), Spelling::legacy));
  EXPECT_NE(text.find(R"("batch_input_shape": [null, 3])"), std::string::npos);
  EXPECT_NE(text.find(R"("dtype": "float32", "units")"), std::string::npos);
  EXPECT_NE(text.find(R"("output_layers": [["out", 0, 0], ["head", 1, 0], ["inner", 3, 0]])"), std::string::npos) << text;
  // Each call of a nested model stands there twice.
  EXPECT_NE(text.find(R"("inbound_nodes": [[["tower", 0, 0, {}]], [["tower", 0, 0, {}]], [["tower", 1, 0, {}]], [["tower", 1, 0, {}]]])"),
            std::string::npos) << text;
  EXPECT_EQ(text.find("DTypePolicy"), std::string::npos);
  EXPECT_EQ(text.find("keras.layers"), std::string::npos);
}

TEST(ModelConfig, LegacySpellingOfArgumentsThatWereRenamed) {
  const Sequential model({layers::Input({3}), layers::LeakyReLU({.negative_slope = 0.25, .name = "leaky"})}, "m");
  const ConfigValue legacy = to_config(model, Spelling::legacy);
  const std::string text = to_json(legacy);
  EXPECT_NE(text.find(R"("alpha": 0.25)"), std::string::npos) << text;
  EXPECT_EQ(text.find("negative_slope"), std::string::npos);
  EXPECT_EQ(model_from_config(legacy).to_json(), model.to_json());
}

TEST(ModelConfig, CloneHasWeightsOfItsOwn) {
  const Model model = branching(), clone = clone_model(model);
  EXPECT_EQ(clone.count_params(), model.count_params());
  const float before = model.get_weights()[0].at<float>(0);
  clone.weights()[0].storage().copy_from(zeros(clone.weights()[0].shape()));
  EXPECT_EQ(model.get_weights()[0].at<float>(0), before);
}

TEST(ModelConfig, ASequentialRoundTripsBuiltOrNot) {
  const Sequential built({layers::Input({3}), layers::Dense(4), layers::Dense(1)}, "s");
  EXPECT_EQ(model_from_json(built.to_json()).to_json(), built.to_json());
  EXPECT_NE(built.to_json().find(R"("build_input_shape": [null, 3])"), std::string::npos);
  expect_same_function(built, model_from_json(built.to_json()));
  const Sequential unbuilt({layers::Dense(4), layers::Dense(1)}, "u");
  Model same = model_from_json(unbuilt.to_json());
  EXPECT_EQ(same.to_json(), unbuilt.to_json());
  EXPECT_EQ(unbuilt.to_json().find(R"("name": "")"), std::string::npos);
  EXPECT_EQ(Tensor(same.predict(zeros({2, 5}))).shape(), Shape({2, 1}));
  EXPECT_EQ(model_from_json(Sequential({}, "empty").to_json()).layers().size(), 0u);
}

TEST(ModelConfig, ASequentialTakesItsInputFromANestedModel) {
  const Sequential inner({layers::Input({3}), layers::Dense(4)}), outer({inner, layers::Dense(2)});
  EXPECT_EQ(outer.outputs().at(0).shape(), Shape({open_dim, 2}));
  expect_same_function(outer, clone_model(outer));
}

TEST(ModelConfig, OlderSequentialsSayTheInputInTheFirstLayer) {
  const std::string layers = R"([{"class_name": "Dense", "config": {"name": "d", "units": 2, "batch_input_shape": [null, 7], "dtype": "float32"}}])";
  const Model keras_2_3 = model_from_json(R"({"class_name": "Sequential", "config": {"name": "s", "layers": )" + layers + "}}");
  EXPECT_EQ(keras_2_3.inputs().at(0).shape(), Shape({open_dim, 7}));
  const Model keras_2_2 = model_from_json(R"({"class_name": "Sequential", "config": )" + layers + "}");
  EXPECT_EQ(keras_2_2.count_params(), 16);
}

TEST(ModelConfig, Keras2CountsTheCallsOfANestedModelFromOne) {
  const std::string inner = R"({"class_name": "Functional", "config": {"name": "inner", "trainable": true, "layers": [
    {"class_name": "InputLayer", "config": {"batch_input_shape": [null, 3], "dtype": "float32", "name": "i"}, "name": "i", "inbound_nodes": []},
    )" + dense("d", R"([[["i", 0, 0, {}]]])") + R"(], "input_layers": [["i", 0, 0]], "output_layers": [["d", 0, 0]]}, "name": "inner",
    "inbound_nodes": [[["in", 0, 0, {}]]]})";
  const Model model = model_from_json(functional(inner + ", " + dense("b", R"([[["inner", 1, 0, {}]]])")));
  EXPECT_EQ(model.count_params(), 3 * 2 + 2 + 2 * 2 + 2);
  EXPECT_EQ(model_from_json(functional(inner, R"([["inner", 1, 0]])")).count_params(), 8);
}

TEST(ModelConfig, TheBatchSizeOfAnInputIsKeptAndBindsNobody) {
  std::string text = functional(dense("b", R"([[["in", 0, 0, {}]]])"));
  text.replace(text.find("[null, 3]"), 9, "[8, 3]");
  Model model = model_from_json(text);
  EXPECT_EQ(Tensor(model.predict(zeros({5, 3}))).shape(), Shape({5, 2}));
  EXPECT_NE(model.to_json().find(R"("batch_shape": [8, 3])"), std::string::npos);
}

TEST(ModelConfig, AModelMayStartInsideAnother) {
  const Symbol in = layers::Input({3}), hidden = layers::Dense(4, {.name = "hidden"})(in);
  const Model tail({hidden}, {layers::Dense(2, {.name = "last"})(hidden)}, "tail");
  EXPECT_EQ(tail.layers().size(), 1u);
  EXPECT_EQ(tail.count_params(), 10);
  expect_same_function(tail, clone_model(tail));
}

TEST(ModelConfig, FlatEndsAndDictsAreRead) {
  const std::string b = dense("b", R"([[["in", 0, 0, {}]]])");
  EXPECT_EQ(model_from_json(functional(b, R"(["b", 0, 0])")).outputs().size(), 1u);
  EXPECT_EQ(model_from_json(functional(b, R"({"y": ["b", 0, 0], "x": ["in", 0, 0]})")).output_names()[0], "in");
}

TEST(ModelConfig, PlainOperationsRoundTrip) {
  const Symbol x = layers::Input({4}, {.name = "x"}), y = layers::Input({4}, {.name = "y"});
  const Symbol joined = concatenate(Symbols{2.0 * x, 1.0 - y, where(x > y, x, 0.5)}, 1);
  const Symbol parts = slice(joined, {0, 2}, {slice_end, 9}) / 3;
  const Symbol squashed = log_softmax(relu(clip(-parts, -1.0, 1.0)), 1) + ones_like(parts) + full_like(parts, 3.0);
  const Model model({x, y}, {sum(squashed, {1}), transpose(expand_dims(parts, 1), {0, 2, 1}), cast(any(x > 0, {-1}), DType::f32)}, "ops");
  const Model same = model_from_json(model.to_json());
  EXPECT_EQ(same.to_json(), model.to_json());
  expect_same_function(model, same);
  const std::string text = model.to_json();
  EXPECT_NE(text.find(R"("module": "keras.src.ops.numpy", "class_name": "Multiply")"), std::string::npos);
  EXPECT_NE(text.find(R"("class_name": "__slice__", "config": {"start": 2, "stop": 9, "step": null})"), std::string::npos);
  EXPECT_ERROR(to_config(model, Spelling::legacy), "save the model as .keras");
}

TEST(ModelConfig, OperationsThatKerasLacksAreRefusedWhenWritten) {
  const Symbol x = layers::Input({4});
  EXPECT_ERROR(Model({x}, {apply(Round{}, x)}).to_json(), "no word for it");
}

TEST(ModelConfig, OperationsOfAFileAreChecked) {
  const auto with_op = [](const std::string& op, const std::string& config, const std::string& arguments) {
    return functional(R"({"module": "keras.src.ops.numpy", "class_name": ")" + op + R"(", "config": {"name": "b")" + config + R"(}, "name": "b",
      "inbound_nodes": [{"args": )" + arguments + R"(, "kwargs": {}}]})");
  };
  const std::string in = R"({"class_name": "__keras_tensor__", "config": {"shape": [null, 3], "dtype": "float32", "keras_history": ["in", 0, 0]}})";
  EXPECT_EQ(model_from_json(with_op("GetItem", "", "[" + in + R"(, [{"class_name": "__slice__", "config": {"start": null, "stop": null, "step": null}}, -1]])"))
                .outputs().at(0).shape(), Shape({open_dim}));
  EXPECT_EQ(model_from_json(with_op("Mean", R"(, "axis": [1], "keepdims": true)", "[" + in + "]")).outputs().at(0).shape(), Shape({open_dim, 1}));
  EXPECT_ERROR(model_from_json(with_op("Mean", R"(, "axes": [1])", "[" + in + "]")), "Unrecognized keyword arguments: {'axes'");
  EXPECT_ERROR(model_from_json(with_op("Add", "", "[" + in + "]")), "2 arguments");
  EXPECT_ERROR(model_from_json(with_op("Add", "", "[" + in + R"(, "text"])")), "tensors and numbers");
  EXPECT_ERROR(model_from_json(with_op("Fft", "", "[" + in + "]")), "'Fft' (an operation)");
}

TEST(ModelConfig, FilledArraysMayHaveAnElementTypeOfTheirOwn) {
  // As Keras 3 joins masks: zeros of type bool in the shape of an input.
  const std::string in = R"({"class_name": "__keras_tensor__", "config": {"shape": [null, 3], "dtype": "float32", "keras_history": ["in", 0, 0]}})";
  const auto read = [&](const std::string& op, const std::string& dtype, const std::string& more = "") {
    return model_from_json(functional(R"({"module": "keras.src.ops.numpy", "class_name": ")" + op + R"(", "config": {"name": "b", "dtype": )" + dtype +
                                      R"(}, "name": "b", "inbound_nodes": [{"args": [)" + in + more + R"(], "kwargs": {}}]})"));
  };
  const Model zero = read("ZerosLike", R"("bool")"), seven = read("FullLike", R"("int32")", ", 7");
  for (Model model : {zero, seven, model_from_json(zero.to_json()), model_from_json(seven.to_json())}) {
    const Tensor y = Tensors(model.predict_on_batch(ones({2, 3}))).at(0);
    EXPECT_EQ(y.shape(), Shape({2, 3}));
    EXPECT_TRUE((y.dtype() == DType::boolean && y.at<int>(5) == 0) || (y.dtype() == DType::i32 && y.at<int>(5) == 7)) << to_string(y.type());
  }
  EXPECT_EQ(read("OnesLike", "null").outputs().at(0).dtype(), DType::f32);
  EXPECT_ERROR(read("OnesLike", R"("float31")"), "float31");
}

TEST(ModelConfig, AnErrorListsAllUnknownClasses) {
  const std::string foo = R"({"class_name": "Foo", "config": {}, "name": "f", "inbound_nodes": []}, {"class_name": "Bar", "config": {}, "name": "g", "inbound_nodes": []})";
  EXPECT_ERROR(model_from_json(functional(foo)), "Unknown layer classes: 'Foo', 'Bar'. Register each");
  EXPECT_ERROR(model_from_json(R"({"class_name": "Sequentiel", "config": {"layers": []}})"), "'Sequentiel'");
  EXPECT_ERROR(model_from_json(R"({"class_name": "Dense", "config": {"units": 2}})"), "a layer that is a model");
  EXPECT_ERROR(model_from_json(functional(R"({"class_name": "Lambda", "config": {"name": "l"}, "name": "l", "inbound_nodes": []})")),
               "Lambda 'l': a Lambda layer holds Python code");
}

TEST(ModelConfig, DamagedGraphsAreErrors) {
  const std::string a = dense("a", R"([[["b", 0, 0, {}]]])"), b = dense("b", R"([[["a", 0, 0, {}]]])");
  EXPECT_ERROR(model_from_json(functional(a + ", " + b)), "either has loops or disconnected nodes");
  EXPECT_ERROR(model_from_json(functional(b)), "Unknown layer: a");
  const std::string fine = dense("b", R"([[["in", 0, 0, {}]]])");
  EXPECT_ERROR(model_from_json(functional(fine, R"([["c", 0, 0]])")), "Unknown layer: c");
  EXPECT_ERROR(model_from_json(functional(fine, R"([["b", 1, 0]])")), "call 1 of 'b'");
  EXPECT_ERROR(model_from_json(functional(fine, R"([["b", 0, 1]])")), "output 1 of 'b'");
  EXPECT_ERROR(model_from_json(functional(fine, R"([["b", -1, 0]])")), "numbers from 0 on");
  EXPECT_ERROR(model_from_json(functional(fine + ", " + fine)), "\"b\" is used 2 times");
  EXPECT_ERROR(model_from_json(functional(dense("b", R"([[["in", 3, 0, {}]]])"))), "disconnected nodes");
  EXPECT_ERROR(model_from_json(functional(dense("b", R"([7])"))), "a call");
  EXPECT_ERROR(model_from_json(functional(dense("b", R"([[["in", 0, 0, {"initial_state": 3}]]])"))), "call argument `initial_state`");
  EXPECT_ERROR(model_from_json(functional(dense("b", "[[]]"))), "called on nothing");
  EXPECT_ERROR(model_from_json(functional(dense("b", R"([[["in", 0, 0, {}]]])", R"(, "unitz": 1)"))), "'unitz'");
  EXPECT_ERROR(model_from_json(R"({"class_name": "Functional", "config": {"layers": []}})"), "input_layers");
  EXPECT_ERROR(model_from_json("[1, 2]"), "a name or an object");
  EXPECT_ERROR(model_from_json("{"), "malformed JSON");
}

TEST(ModelConfig, NestingAndLengthAreBounded) {
  std::string nested = R"({"class_name": "Sequential", "config": {"name": "s", "layers": []}})";
  for (int i = 0; i < 45; ++i) nested = R"({"class_name": "Sequential", "config": {"name": "s", "layers": [)" + nested + "]}}";
  EXPECT_ERROR(model_from_json(nested), "nested more than 40 deep");
  std::string many;
  for (int i = 0; i < 10'001; ++i) many += (i > 0 ? ", " : "") + dense("d" + std::to_string(i), "[]");
  EXPECT_ERROR(model_from_json(functional(many)), "more than 10000 layers");
}

// Each of 30 models calls the next one twice: two billion calls in three kilobytes.
TEST(ModelConfig, ModelsThatMultiplyAreRefused) {
  std::string model = functional(dense("b", R"([[["in", 0, 0, {}]]])"));
  const auto twice = [&](const std::string& name) {
    const std::string entry = R"({"class_name": "Functional", "name": ")" + name + R"(", "inbound_nodes": [[["in", 0, 0, {}]],
      [[")" + name + R"(", 1, 0, {}]]], "config": )" + model.substr(model.find("\"config\": ") + 10);
    return functional(entry, R"([[")" + name + R"(", 2, 0]])");
  };
  for (int i = 0; i < 30; ++i) model = twice("b");
  EXPECT_ERROR(model_from_json(model), "calls layers more than 50000 times, nested models counted out");
}

// As long as the limit allows, within another model, so that all of it is one graph: nothing recurses along a chain.
TEST(ModelConfig, LongChainsAreReadAndGivenUpAgain) {
  constexpr int length = 49'000;
  std::string calls = R"([["in", 0, 0, {}]])";
  for (int i = 0; i + 1 < length; ++i) calls += R"(, [["b", )" + std::to_string(i) + R"(, 0, {}]])";
  const std::string layer = R"({"class_name": "BatchNormalization", "config": {"name": "b"}, "name": "b", "inbound_nodes": [)" + calls + "]}";
  const std::string chain = functional(layer, R"([["b", )" + std::to_string(length - 1) + ", 0]]");
  const std::string outer = functional(R"({"class_name": "Functional", "name": "b", "inbound_nodes": [[["in", 0, 0, {}]]], "config": )" +
                                           chain.substr(chain.find("\"config\": ") + 10), R"([["b", 0, 0]])");
  EXPECT_EQ(model_from_json(outer).layers().size(), 1u);
}

TEST(ModelConfig, SizesThatCannotBeAreErrors) {
  const auto with_units = [](const std::string& units) {
    return functional(R"({"class_name": "Dense", "config": {"name": "b", "units": )" + units + R"(}, "name": "b", "inbound_nodes": [[["in", 0, 0, {}]]]})");
  };
  EXPECT_ERROR(model_from_json(with_units("1152921504606846976")), "2^59 elements");
  EXPECT_ERROR(model_from_json(with_units("4611686018427387904")), "2^59 elements");
  EXPECT_ERROR(model_from_json(R"({"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "InputLayer",
    "config": {"batch_shape": [null, null, null, null, null, null, null], "name": "in"}},
    {"class_name": "Activation", "config": {"name": "a", "activation": "relu"}}]}})"), "open sizes among the first 6 axes");
}

struct Doubling : layers::Definition {
  double factor;
  explicit Doubling(double f) : factor(f) {}
  Value call(Value x, Mode) override { return x * factor; }
  Config config() const override { return {{"factor", factor}}; }
};

TEST(ModelConfig, LayersOfOnesOwnComeBackByTheirRegisteredName) {
  register_layer<Doubling>("Doubling");
  const Sequential model({layers::Input({3}), layers::make<Doubling>(2.5)}, "own");
  const std::string text = model.to_json();
  EXPECT_NE(text.find(R"("registered_name": "Custom>Doubling")"), std::string::npos);
  Model same = model_from_json(text);
  EXPECT_EQ(Tensor(same.predict(ones({1, 3}))).at<float>(0), 2.5f);
  EXPECT_EQ(model_from_config(to_config(model, Spelling::legacy)).to_json(), text);
}

}  // namespace
}  // namespace strata
