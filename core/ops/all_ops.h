#pragma once

#include "core/graph/apply.h"
#include "core/ops/all_reduce.h"
#include "core/ops/equalize_images.h"
#include "core/ops/image_transform.h"
#include "core/ops/ops.h"
#include "core/ops/random_beta.h"
#include "core/ops/resize_images.h"

namespace strata {

template <class... T>
struct OpList {};

/// Every op of the library. Tests and documentation read this list, the runtime never does.
using AllOps = OpList<
    // elementwise: core/ops/unary.h, binary.h, fill.h, cross_entropy.h; core/graph/apply.h
    Neg, Abs, Square, Relu, ReluGradient, Sign, Floor, Ceil, Round, Exp, Expm1, Log, Log1p, Sqrt, Rsqrt, Reciprocal,
    Sin, Cos, Tanh, Sigmoid, Erf, Softplus, IsNan, IsFinite, LogicalNot, Add, Subtract, Multiply, Divide, Power,
    Maximum, Minimum, FloorDivide, Mod, Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, LogicalAnd, LogicalOr,
    Where, Clip, Cast, Accumulate, Fill, FillLike, Range, SigmoidCrossEntropy,
    // reductions and choices
    Sum, Mean, ReduceMax, ReduceMin, Prod, Any, All, FirstOrderOnly, ArgMax, ArgMin, TopK, TopKGradient, TopKSelect,
    InTopK,
    // shapes
    Reshape, ExpandDims, Squeeze, Flatten, Identity, StopGradient, Transpose, BroadcastTo, Repeat, Tiling, Slice, Pad,
    Concatenate, Split, SplitEqually,
    // products and convolutions
    MatMul, Conv2D, Conv2DDataGradient, Conv2DWeightGradient, Conv3D, Conv3DDataGradient, Conv3DWeightGradient,
    // pooling, normalization
    MaxPool2D, MaxPool2DGradient, AveragePool2D, AveragePool2DGradient, BatchNormTrain, BatchNormGradient, LayerNorm,
    LayerNormGradient,
    // images
    ResizeImages, ResizeImagesGradient, FlipImages, AffineTransform, AffineTransformGradient, EqualizeImages,
    // choice by index
    Gather, ScatterAdd, OneHot,
    // probabilities and losses
    Softmax, SoftmaxGradient, LogSoftmax, SparseSoftmaxCrossEntropy, SparseSoftmaxCrossEntropyGradient,
    SoftmaxCrossEntropy, SoftmaxCrossEntropyGradient,
    // replicas
    AllReduce,
    // random numbers
    RandomUniform, RandomNormal, TruncatedNormal, RandomInt, RandomBeta, Dropout>;

}  // namespace strata
