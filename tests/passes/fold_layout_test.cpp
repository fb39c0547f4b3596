#include "passes/fold_layout.h"

#include <gtest/gtest.h>

#include "support/pass_checks.h"

namespace adze {
namespace {

void expect_folded(std::string_view before, std::string_view after) {
  testing::expect_pass(fold_layout, before, after);
}
void expect_unchanged(std::string_view text) {
  testing::expect_unchanged(fold_layout, text);
}

TEST(FoldLayout, TransposedOperandsOfADot) {
  expect_folded(R"(
func @f(%x: f32[5,3], %y: f32[4,5]) -> f32[3,4] {
  %xt = transpose %x {permutation = [1,0]} : f32[3,5]
  %yt = transpose %y {permutation = [1,0]} : f32[5,4]
  %z = dot_general %xt, %yt {contract = [1] x [0]} : f32[3,4]
  return %z
}
)",
                R"(
func @f(%x: f32[5,3], %y: f32[4,5]) -> f32[3,4] {
  %z = dot_general %x, %y {contract = [0] x [1]} : f32[3,4]
  return %z
}
)");
}

TEST(FoldLayout, BatchDimsOfATransposedOperand) {
  expect_folded(R"(
func @f(%x: f32[5,2,3], %y: f32[2,5,4]) -> f32[2,3,4] {
  %xt = transpose %x {permutation = [1,2,0]} : f32[2,3,5]
  %z = dot_general %xt, %y {batch = [0] x [0], contract = [2] x [1]} : f32[2,3,4]
  return %z
}
)",
                R"(
func @f(%x: f32[5,2,3], %y: f32[2,5,4]) -> f32[2,3,4] {
  %z = dot_general %x, %y {batch = [1] x [0], contract = [0] x [1]} : f32[2,3,4]
  return %z
}
)");
}

TEST(FoldLayout, ATransposeOfFreeDimsStays) {
  expect_unchanged(R"(
func @f(%x: f32[2,3,5], %y: f32[5,4]) -> f32[3,2,4] {
  %xt = transpose %x {permutation = [1,0,2]} : f32[3,2,5]
  %z = dot_general %xt, %y {contract = [2] x [0]} : f32[3,2,4]
  return %z
}
)");
}

TEST(FoldLayout, ATransposedResultSwapsTheOperands) {
  expect_folded(R"(
func @f(%x: f32[3,5], %y: f32[5,4]) -> f32[4,3] {
  %z = dot_general %x, %y {contract = [1] x [0]} : f32[3,4]
  %t = transpose %z {permutation = [1,0]} : f32[4,3]
  return %t
}
)",
                R"(
func @f(%x: f32[3,5], %y: f32[5,4]) -> f32[4,3] {
  %z = dot_general %y, %x {contract = [0] x [1]} : f32[4,3]
  return %z
}
)");
}

TEST(FoldLayout, TransposedBatchDimsOfAResult) {
  expect_folded(R"(
func @f(%x: f32[2,6,3,5], %y: f32[2,6,5]) -> f32[6,2,3] {
  %z = dot_general %x, %y {batch = [0,1] x [0,1], contract = [3] x [2]} : f32[2,6,3]
  %t = transpose %z {permutation = [1,0,2]} : f32[6,2,3]
  return %t
}
)",
                R"(
func @f(%x: f32[2,6,3,5], %y: f32[2,6,5]) -> f32[6,2,3] {
  %z = dot_general %x, %y {batch = [1,0] x [1,0], contract = [3] x [2]} : f32[6,2,3]
  return %z
}
)");
}

TEST(FoldLayout, ADotWithAnotherUseIsNotMadeTwice) {
  expect_unchanged(R"(
func @f(%x: f32[3,5], %y: f32[5,4]) -> (f32[3,4], f32[4,3]) {
  %z = dot_general %x, %y {contract = [1] x [0]} : f32[3,4]
  %t = transpose %z {permutation = [1,0]} : f32[4,3]
  return %z, %t
}
)");
}

TEST(FoldLayout, AResultOrderThatNoDotGivesStays) {
  expect_unchanged(R"(
func @f(%x: f32[2,3,5], %y: f32[5,4]) -> f32[2,4,3] {
  %z = dot_general %x, %y {contract = [2] x [0]} : f32[2,3,4]
  %t = transpose %z {permutation = [0,2,1]} : f32[2,4,3]
  return %t
}
)");
}

TEST(FoldLayout, TheOuterProductOfReshapedVectors) {
  expect_folded(R"(
func @f(%x: f32[3], %y: f32[4]) -> f32[3,4] {
  %column = reshape %x {shape = [3,1]} : f32[3,1]
  %row = reshape %y {shape = [1,4]} : f32[1,4]
  %z = dot_general %column, %row {contract = [1] x [0]} : f32[3,4]
  return %z
}
)",
                R"(
func @f(%x: f32[3], %y: f32[4]) -> f32[3,4] {
  %z = dot_general %x, %y {contract = [] x []} : f32[3,4]
  return %z
}
)");
}

TEST(FoldLayout, AReshapedVectorTimesAMatrix) {
  expect_folded(R"(
func @f(%x: f32[5], %y: f32[5,4]) -> f32[4] {
  %row = reshape %x {shape = [1,5]} : f32[1,5]
  %z = dot_general %row, %y {contract = [1] x [0]} : f32[1,4]
  %r = reshape %z {shape = [4]} : f32[4]
  return %r
}
)",
                R"(
func @f(%x: f32[5], %y: f32[5,4]) -> f32[4] {
  %z = dot_general %x, %y {contract = [0] x [0]} : f32[4]
  return %z
}
)");
}

TEST(FoldLayout, AReshapeThatMergesDimsStays) {
  expect_unchanged(R"(
func @f(%x: f32[2,3,5], %y: f32[5,4]) -> f32[6,4] {
  %m = reshape %x {shape = [6,5]} : f32[6,5]
  %z = dot_general %m, %y {contract = [1] x [0]} : f32[6,4]
  return %z
}
)");
}

TEST(FoldLayout, ComposesTransposesAndReshapes) {
  expect_folded(R"(
func @f(%x: f32[2,3,4]) -> (f32[4,2,3], f32[2,3,4], f32[24], f32[2,3,4]) {
  %a = transpose %x {permutation = [1,2,0]} : f32[3,4,2]
  %b = transpose %a {permutation = [1,2,0]} : f32[4,2,3]
  %c = transpose %b {permutation = [1,2,0]} : f32[2,3,4]
  %d = reshape %x {shape = [6,4]} : f32[6,4]
  %e = reshape %d {shape = [24]} : f32[24]
  %g = reshape %e {shape = [2,3,4]} : f32[2,3,4]
  return %b, %c, %e, %g
}
)",
                R"(
func @f(%x: f32[2,3,4]) -> (f32[4,2,3], f32[2,3,4], f32[24], f32[2,3,4]) {
  %b = transpose %x {permutation = [2,0,1]} : f32[4,2,3]
  %e = reshape %x {shape = [24]} : f32[24]
  return %b, %x, %e, %x
}
)");
}

TEST(FoldLayout, ATransposeThatMovesOnlyUnitDimsIsAReshape) {
  expect_folded(R"(
func @f(%x: f32[3,1,4]) -> f32[1,3,4] {
  %t = transpose %x {permutation = [1,0,2]} : f32[1,3,4]
  return %t
}
)",
                R"(
func @f(%x: f32[3,1,4]) -> f32[1,3,4] {
  %t = reshape %x {shape = [1,3,4]} : f32[1,3,4]
  return %t
}
)");
}

TEST(FoldLayout, ComposesBroadcasts) {
  expect_folded(R"(
func @f(%x: f32[3]) -> (f32[2,3,5], f32[3,5], f32[5,3]) {
  %a = broadcast_in_dim %x {dims = [0], shape = [3,1]} : f32[3,1]
  %b = broadcast_in_dim %a {dims = [1,2], shape = [2,3,5]} : f32[2,3,5]
  %r = reshape %x {shape = [3,1]} : f32[3,1]
  %c = broadcast_in_dim %r {dims = [0,1], shape = [3,5]} : f32[3,5]
  %d = transpose %c {permutation = [1,0]} : f32[5,3]
  return %b, %c, %d
}
)",
                R"(
func @f(%x: f32[3]) -> (f32[2,3,5], f32[3,5], f32[5,3]) {
  %b = broadcast_in_dim %x {dims = [1], shape = [2,3,5]} : f32[2,3,5]
  %c = broadcast_in_dim %x {dims = [0], shape = [3,5]} : f32[3,5]
  %d = broadcast_in_dim %x {dims = [1], shape = [5,3]} : f32[5,3]
  return %b, %c, %d
}
)");
}

TEST(FoldLayout, ATransposedBroadcastTransposesItsSource) {
  expect_folded(R"(
func @f(%x: f32[2,3]) -> f32[3,5,2] {
  %a = broadcast_in_dim %x {dims = [1,2], shape = [5,2,3]} : f32[5,2,3]
  %t = transpose %a {permutation = [2,0,1]} : f32[3,5,2]
  return %t
}
)",
                R"(
func @f(%x: f32[2,3]) -> f32[3,5,2] {
  %a = transpose %x {permutation = [1,0]} : f32[3,2]
  %t = broadcast_in_dim %a {dims = [0,2], shape = [3,5,2]} : f32[3,5,2]
  return %t
}
)");
}

TEST(FoldLayout, AReshapedBroadcast) {
  expect_folded(R"(
func @f(%x: f32[3]) -> f32[1,3,5] {
  %a = broadcast_in_dim %x {dims = [0], shape = [3,5]} : f32[3,5]
  %r = reshape %a {shape = [1,3,5]} : f32[1,3,5]
  return %r
}
)",
                R"(
func @f(%x: f32[3]) -> f32[1,3,5] {
  %r = broadcast_in_dim %x {dims = [1], shape = [1,3,5]} : f32[1,3,5]
  return %r
}
)");
}

TEST(FoldLayout, AReshapeThatMergesBroadcastDimsStays) {
  expect_unchanged(R"(
func @f(%x: f32[3]) -> f32[15] {
  %a = broadcast_in_dim %x {dims = [0], shape = [3,5]} : f32[3,5]
  %r = reshape %a {shape = [15]} : f32[15]
  return %r
}
)");
}

TEST(FoldLayout, ComposesReversesAndSlices) {
  expect_folded(R"(
func @f(%x: f32[20,6]) -> (f32[3,2], f32[20,6], f32[20,6]) {
  %a = slice %x {limit = [19,6], start = [1,2], strides = [3,1]} : f32[6,4]
  %b = slice %a {limit = [6,4], start = [1,1], strides = [2,2]} : f32[3,2]
  %r = reverse %x {dims = [0,1]} : f32[20,6]
  %s = reverse %r {dims = [1]} : f32[20,6]
  %t = reverse %s {dims = [0]} : f32[20,6]
  return %b, %s, %t
}
)",
                R"(
func @f(%x: f32[20,6]) -> (f32[3,2], f32[20,6], f32[20,6]) {
  %b = slice %x {limit = [17,6], start = [4,3], strides = [6,2]} : f32[3,2]
  %s = reverse %x {dims = [0]} : f32[20,6]
  return %b, %s, %x
}
)");
}

TEST(FoldLayout, TransposesAroundElementwiseOpsStay) {
  expect_unchanged(R"(
func @f(%x: f32[3,4]) -> f32[4,3] {
  %a = exp %x : f32[3,4]
  %b = transpose %a {permutation = [1,0]} : f32[4,3]
  return %b
}
)");
}

TEST(FoldLayout, EmptyShapes) {
  expect_unchanged(R"(
func @f(%x: f32[0,3]) -> f32[5,0] {
  %a = reshape %x {shape = [0]} : f32[0]
  %b = broadcast_in_dim %a {dims = [1], shape = [5,0]} : f32[5,0]
  return %b
}
)");
}

}  // namespace
}  // namespace adze
