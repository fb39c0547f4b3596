#pragma once

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "adze/array.h"
#include "adze/tree.h"
#include "ir/graph.h"

namespace adze {

/// What a traced function is called in errors and dumps.
struct FunctionNames {
  /// "loss"; where empty, errors give the place of the transformation instead.
  std::string name = {};
  /// Roots of the tree paths, one an argument: {"model", "x"} makes paths such as "model.hidden.weight". C++
  /// does not tell argument names, so where left out they are "arg0", "arg1", ...
  std::vector<std::string> arguments = {};
};

namespace detail {

/// A function that is traced, where it was wrapped, and where it was called.
struct CallSite {
  const FunctionNames* names;
  const char* transform;  ///< "compile", "grad", ...
  Location wrapped;
  Location called;
};

/// A traced function. The graph's parameters are the leaves of the arguments, then the captured Arrays:
/// concrete ones, or values of the trace around.
struct TracedGraph {
  std::shared_ptr<const Graph> graph;
  std::vector<Array> captures;
};

struct TraceState;

/// The types of these Arrays. RuntimeError for an empty one: "<what>: <path> is an empty Array".
std::vector<TensorType> leaf_types(const char* what, const std::vector<const Array*>& leaves,
                                   const std::vector<std::string>& paths);

/// While alive, ops on this thread are recorded instead of run. Nests.
class Tracer {
 public:
  explicit Tracer(const CallSite& site);
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  /// Replaces each leaf by a parameter of its type. A leaf that is a named parameter of the trace around
  /// keeps its name.
  void make_parameters(const std::vector<Array*>& leaves, const std::vector<std::string>& paths);
  /// The same with types other than the leaves' own: slices of them.
  void make_parameters(const std::vector<Array*>& leaves, const std::vector<std::string>& paths,
                       const std::vector<TensorType>& types);
  /// Ends the trace; leaves `results` empty.
  TracedGraph finish(const std::vector<Array*>& results);

 private:
  std::unique_ptr<TraceState> state_;
};

/// Is a function being traced on this thread?
bool tracing();

/// Called in a catch block: adds "while tracing <name> called at <place>" to an adze::Error and throws it on.
[[noreturn]] void rethrow_in_context(const CallSite& site);

/// Runs `graph` op by op, or emits it into the trace in progress.
std::vector<Array> evaluate(const Graph& graph, const std::vector<Array>& arguments);

/// The root of the paths of argument i.
std::string argument_name(const FunctionNames& names, std::size_t i);

/// Lets transformations be called with up to eight arguments, passing on the caller's place; with more, the
/// place is unknown. Derived classes define `call(Location, args...) const`.
template <class Derived>
class Callable {
 public:
  auto operator()(Location at = Location::current()) const { return self().call(at); }
  template <class A>
  auto operator()(A&& a, Location at = Location::current()) const {
    return self().call(at, std::forward<A>(a));
  }
  template <class A, class B>
  auto operator()(A&& a, B&& b, Location at = Location::current()) const {
    return self().call(at, std::forward<A>(a), std::forward<B>(b));
  }
  template <class A, class B, class C>
  auto operator()(A&& a, B&& b, C&& c, Location at = Location::current()) const {
    return self().call(at, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c));
  }
  template <class A, class B, class C, class D>
  auto operator()(A&& a, B&& b, C&& c, D&& d, Location at = Location::current()) const {
    return self().call(at, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c), std::forward<D>(d));
  }
  template <class A, class B, class C, class D, class E>
  auto operator()(A&& a, B&& b, C&& c, D&& d, E&& e, Location at = Location::current()) const {
    return self().call(at, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c), std::forward<D>(d),
                       std::forward<E>(e));
  }
  template <class A, class B, class C, class D, class E, class F>
  auto operator()(A&& a, B&& b, C&& c, D&& d, E&& e, F&& f, Location at = Location::current()) const {
    return self().call(at, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c), std::forward<D>(d),
                       std::forward<E>(e), std::forward<F>(f));
  }
  template <class A, class B, class C, class D, class E, class F, class G>
  auto operator()(A&& a, B&& b, C&& c, D&& d, E&& e, F&& f, G&& g, Location at = Location::current()) const {
    return self().call(at, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c), std::forward<D>(d),
                       std::forward<E>(e), std::forward<F>(f), std::forward<G>(g));
  }
  template <class A, class B, class C, class D, class E, class F, class G, class H, class... Rest>
  auto operator()(A&& a, B&& b, C&& c, D&& d, E&& e, F&& f, G&& g, H&& h, Rest&&... rest) const {
    return self().call(Location{}, std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
                       std::forward<D>(d), std::forward<E>(e), std::forward<F>(f), std::forward<G>(g),
                       std::forward<H>(h), std::forward<Rest>(rest)...);
  }

 private:
  const Derived& self() const { return static_cast<const Derived&>(*this); }
};

/// Calls the user's function, or another transformation with the place of the outermost call.
template <class F, class... Args>
auto call_function(const F& f, Location at, Args&&... args) {
  if constexpr (std::is_base_of_v<Callable<F>, F>)
    return f.call(at, std::forward<Args>(args)...);
  else
    return std::invoke(f, std::forward<Args>(args)...);
}
template <class F, class... Args>
using CallResult = std::decay_t<decltype(call_function(std::declval<const F&>(), Location{},
                                                       std::declval<std::decay_t<Args>>()...))>;

/// A traced call: the graph, and the function's result with its Arrays empty.
template <class Result>
struct TracedCall {
  TracedGraph traced;
  Result result;
};

template <class... Args>
std::vector<std::string> argument_paths(const FunctionNames& names, const Args&... args) {
  std::vector<std::string> paths;
  [[maybe_unused]] std::size_t i = 0;
  [[maybe_unused]] const auto append = [&](std::vector<std::string> more) {
    for (std::string& path : more) paths.push_back(std::move(path));
  };
  (append(tree_paths(args, argument_name(names, i++))), ...);
  return paths;
}

/// Traces f on parameters in the places of the Arrays of `args` (a copy), of their types or of those given.
template <class F, class... Args>
auto trace_call(const F& f, const CallSite& site, std::tuple<Args...> args,
                const std::vector<TensorType>* types = nullptr) {
  using Result = CallResult<F, Args...>;
  static_assert(!std::is_void_v<Result>, "a traced function must return a tree");
  const std::vector<std::string> paths =
      std::apply([&](const auto&... arg) { return argument_paths(*site.names, arg...); }, args);
  Tracer tracer(site);
  if (types)
    tracer.make_parameters(leaf_pointers(args), paths, *types);
  else
    tracer.make_parameters(leaf_pointers(args), paths);
  try {
    Result result =
        std::apply([&](auto&... arg) { return call_function(f, site.called, std::move(arg)...); }, args);
    TracedGraph traced = tracer.finish(leaf_pointers(result));
    return TracedCall<Result>{std::move(traced), std::move(result)};
  } catch (const Error&) {
    rethrow_in_context(site);
  }
}

}  // namespace detail

/// The graph of f for arguments of these types: parameters are the Arrays of the arguments (named by their
/// paths), then what f captures (concrete Arrays of more than one element).
template <class F, class... Args>
Graph trace(const F& f, const FunctionNames& names, const Args&... args) {
  const detail::CallSite site{&names, "trace", {}, {}};
  return *detail::trace_call(f, site, std::tuple<std::decay_t<const Args&>...>(args...)).traced.graph;
}
template <class F, class... Args>
requires(!(std::is_same_v<FunctionNames, Args> || ...)) Graph trace(const F& f, const Args&... args) {
  return trace(f, FunctionNames{}, args...);
}

}  // namespace adze
