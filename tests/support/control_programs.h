#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Programs with control flow of every kind, nested, and their corners. Floats are f64; integer parameters
/// are drawn small, so indices of branches come out of range, too.
namespace adze::testing {

struct ControlProgram {
  std::string_view name, text;
};

inline constexpr ControlProgram kControlPrograms[] = {
    {"an RNN whose states are stacked", R"(
func @rnn(%w: f64[5,5], %u: f64[3,5], %b: f64[5], %h: f64[2,5], %x: f64[7,2,3]) -> (f64[2,5], f64[7,2,5]) {
  %last, %all = scan %w, %u, %b, %h, %x {
    body = func @step(%w: f64[5,5], %u: f64[3,5], %b: f64[5], %h: f64[2,5], %x: f64[2,3]) -> (f64[2,5], f64[2,5]) {
      %hw = dot_general %h, %w {contract = [1] x [0]}
      %xu = dot_general %x, %u {contract = [1] x [0]}
      %bb = broadcast_in_dim %b {dims = [1], shape = [2,5]}
      %sum = add %hw, %xu
      %shifted = add %sum, %bb
      %new = tanh %shifted
      return %new, %new
    }, length = 7, num_carry = 1, num_consts = 3}
  return %last, %all
})"},
    {"sums from the end", R"(
func @suffix(%x: f64[6,3]) -> (f64[3], f64[6,3]) {
  %zero = constant {value = f64[] 0}
  %start = broadcast_in_dim %zero {dims = [], shape = [3]}
  %total, %sums = scan %start, %x {
    body = func @step(%c: f64[3], %x: f64[3]) -> (f64[3], f64[3]) {
      %s = add %c, %x
      %y = mul %s, %x
      return %s, %y
    }, length = 6, num_carry = 1, reverse = true}
  return %total, %sums
})"},
    {"carries that change places, stay, and are constant", R"(
func @fibonacci(%a: f64[4], %b: f64[4], %k: f64[4], %s: f64[4]) -> (f64[4], f64[4], f64[4], f64[4]) {
  %ra, %rb, %rk, %rs = scan %a, %b, %k, %s {
    body = func @step(%a: f64[4], %b: f64[4], %k: f64[4], %s: f64[4]) -> (f64[4], f64[4], f64[4], f64[4]) {
      %c = add %a, %b
      %two = constant {value = f64[4] [2, 3, 4, 5]}
      return %b, %c, %k, %two
    }, length = 9, num_carry = 4}
  return %ra, %rb, %rk, %rs
})"},
    {"one value everywhere", R"(
func @same(%x: f64[3]) -> (f64[3], f64[3], f64[4,3], f64[4,3], f64[3]) {
  %a, %b, %y, %z = scan %x, %x, %x {
    body = func @step(%c: f64[3], %p: f64[3], %q: f64[3]) -> (f64[3], f64[3], f64[3], f64[3]) {
      %s = add %p, %c
      return %s, %s, %c, %s
    }, length = 4, num_carry = 2, num_consts = 1}
  return %a, %b, %y, %z, %x
})"},
    {"nothing to do", R"(
func @empty(%c: f64[3], %x: f64[0,3], %z: f64[4,0]) -> (f64[3], f64[0,3], f64[4,0]) {
  %last, %ys = scan %c, %x {
    body = func @step(%c: f64[3], %x: f64[3]) -> (f64[3], f64[3]) {
      %s = add %c, %x
      return %s, %s
    }, length = 0, num_carry = 1}
  %zs = scan %z {
    body = func @none(%z: f64[0]) -> f64[0] {
      %t = tanh %z
      return %t
    }, length = 4}
  return %last, %ys, %zs
})"},
    {"slices of slices, inner ones backwards", R"(
func @table(%x: f64[4,5,3], %c: f64[3]) -> (f64[3], f64[4,5,3], f64[4]) {
  %last, %ys, %zs = scan %c, %x {
    body = func @row(%c: f64[3], %x: f64[5,3]) -> (f64[3], f64[5,3], f64[]) {
      %d, %y = scan %c, %x {
        body = func @cell(%c: f64[3], %x: f64[3]) -> (f64[3], f64[3]) {
          %t = tanh %c
          %s = add %t, %x
          %y = sub %s, %c
          return %s, %y
        }, length = 5, num_carry = 1, reverse = true}
      %z = reduce_sum %d {axes = [0]}
      return %d, %y, %z
    }, length = 4, num_carry = 1}
  return %last, %ys, %zs
})"},
    {"a while that counts", R"(
func @power(%n: i32[], %x: f64[3]) -> (i32[], f64[3]) {
  %i = constant {value = i32[] 0}
  %one = constant {value = f64[] 1}
  %ones = broadcast_in_dim %one {dims = [], shape = [3]}
  %count, %p = while %n, %x, %i, %ones {
    cond = func @below(%n: i32[], %i: i32[], %p: f64[3]) -> bool[] {
      %more = lt %i, %n
      return %more
    }, body = func @times(%x: f64[3], %i: i32[], %p: f64[3]) -> (i32[], f64[3]) {
      %one = constant {value = i32[] 1}
      %j = add %i, %one
      %q = mul %p, %x
      return %j, %q
    }, cond_consts = 1, body_consts = 1}
  return %count, %p
})"},
    {"a while that carries its condition", R"(
func @until(%x: f64[]) -> (f64[], bool[]) {
  %yes = constant {value = bool[] true}
  %y, %p = while %x, %yes {
    cond = func @again(%x: f64[], %p: bool[]) -> bool[] {
      return %p
    }, body = func @halve(%x: f64[], %p: bool[]) -> (f64[], bool[]) {
      %half = constant {value = f64[] 0.5}
      %h = mul %x, %half
      %a = abs %h
      %small = constant {value = f64[] 0.01}
      %more = gt %a, %small
      return %h, %more
    }}
  return %y, %p
})"},
    {"a switch whose index may be anything", R"(
func @switch(%i: i32[], %x: f64[4], %y: f64[4]) -> (f64[4], f64[]) {
  %r, %s = cond %i, %x, %y {branches = [
    func @first(%x: f64[4], %y: f64[4]) -> (f64[4], f64[]) {
      %s = reduce_sum %y {axes = [0]}
      return %x, %s
    },
    func @second(%x: f64[4], %y: f64[4]) -> (f64[4], f64[]) {
      %p = mul %x, %y
      %s = reduce_sum %p {axes = [0]}
      %e = tanh %p
      return %e, %s
    },
    func @third(%x: f64[4], %y: f64[4]) -> (f64[4], f64[]) {
      %c = constant {value = f64[] 7}
      %z = sub %y, %x
      return %z, %c
    }]}
  return %r, %s
})"},
    {"a branch for every element", R"(
func @choose(%i: i32[6], %x: f64[6,2], %c: f64[2]) -> (f64[2], f64[6,2]) {
  %last, %all = scan %c, %i, %x {
    body = func @step(%c: f64[2], %i: i32[], %x: f64[2]) -> (f64[2], f64[2]) {
      %n = cond %i, %c, %x {branches = [
        func @keep(%c: f64[2], %x: f64[2]) -> f64[2] {
          return %c
        },
        func @join(%c: f64[2], %x: f64[2]) -> f64[2] {
          %s = add %c, %x
          %t = tanh %s
          return %t
        }]}
      return %n, %c
    }, length = 6, num_carry = 1}
  return %last, %all
})"},
    {"a scan in a branch in a while", R"(
func @deep(%n: i32[], %x: f64[3,4], %c: f64[4]) -> (i32[], f64[4], f64[3,4]) {
  %i0 = constant {value = i32[] -2}
  %i, %r, %ys = while %n, %x, %i0, %c, %x {
    cond = func @more(%n: i32[], %i: i32[], %c: f64[4], %y: f64[3,4]) -> bool[] {
      %p = lt %i, %n
      return %p
    }, body = func @turn(%x: f64[3,4], %i: i32[], %c: f64[4], %y: f64[3,4]) -> (i32[], f64[4], f64[3,4]) {
      %one = constant {value = i32[] 1}
      %j = add %i, %one
      %d, %z = cond %i, %x, %c, %y {branches = [
        func @forward(%x: f64[3,4], %c: f64[4], %y: f64[3,4]) -> (f64[4], f64[3,4]) {
          %d, %z = scan %c, %x {
            body = func @f(%c: f64[4], %x: f64[4]) -> (f64[4], f64[4]) {
              %s = sub %x, %c
              %t = tanh %s
              return %t, %s
            }, length = 3, num_carry = 1}
          return %d, %z
        },
        func @backward(%x: f64[3,4], %c: f64[4], %y: f64[3,4]) -> (f64[4], f64[3,4]) {
          %d, %z = scan %c, %y {
            body = func @b(%c: f64[4], %x: f64[4]) -> (f64[4], f64[4]) {
              %s = add %x, %c
              %t = tanh %s
              return %t, %t
            }, length = 3, num_carry = 1, reverse = true}
          return %d, %z
        }]}
      return %j, %d, %z
    }, cond_consts = 1, body_consts = 1}
  return %i, %r, %ys
})"},
    {"calls", R"(
func @calls(%x: f64[3,4], %w: f64[4,4]) -> (f64[3,4], f64[3,4], f64[]) {
  %a, %s = call %x, %w {body = func @layer(%x: f64[3,4], %w: f64[4,4]) -> (f64[3,4], f64[]) {
      %d = dot_general %x, %w {contract = [1] x [0]}
      %t = tanh %d
      %s = reduce_sum %t {axes = [0,1]}
      return %t, %s
    }}
  %b, %u = call %a, %w {body = func @layer(%x: f64[3,4], %w: f64[4,4]) -> (f64[3,4], f64[]) {
      %d = dot_general %x, %w {contract = [1] x [0]}
      %t = tanh %d
      %s = reduce_sum %t {axes = [0,1]}
      return %t, %s
    }}
  %v = add %s, %u
  return %a, %b, %v
})"},
    {"training in a scan", R"(
func @train(%w: f64[5,3], %b: f64[3], %x: f64[8,6,5], %y: f64[8,6,3]) -> (f64[5,3], f64[3], f64[8]) {
  %nw, %nb, %losses = scan %w, %b, %x, %y {
    body = func @step(%w: f64[5,3], %b: f64[3], %x: f64[6,5], %y: f64[6,3]) -> (f64[5,3], f64[3], f64[]) {
      %xw = dot_general %x, %w {contract = [1] x [0]}
      %bb = broadcast_in_dim %b {dims = [1], shape = [6,3]}
      %z = add %xw, %bb
      %e = sub %z, %y
      %ee = mul %e, %e
      %loss = reduce_sum %ee {axes = [0,1]}
      %gw = dot_general %x, %e {contract = [0] x [0]}
      %gb = reduce_sum %e {axes = [0]}
      %rate = constant {value = f64[] 0.02}
      %rw = broadcast_in_dim %rate {dims = [], shape = [5,3]}
      %rb = broadcast_in_dim %rate {dims = [], shape = [3]}
      %dw = mul %gw, %rw
      %db = mul %gb, %rb
      %w2 = sub %w, %dw
      %b2 = sub %b, %db
      return %w2, %b2, %loss
    }, length = 8, num_carry = 2}
  return %nw, %nb, %losses
})"},
};

}  // namespace adze::testing
