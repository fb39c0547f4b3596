#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "adze/array.h"
#include "adze/device.h"
#include "adze/trace.h"
#include "adze/tree.h"

namespace adze {

class Executable;

struct CompileOptions {
  /// In errors and dumps; where empty, errors give the place of the call of `compile`.
  std::string name = {};
  /// Roots of the tree paths, one an argument, such as {"model", "x"}; "arg0", "arg1", ... where left out.
  std::vector<std::string> arguments = {};
  std::optional<Device> device = {};  ///< DeviceScope's, or cpu(), where left out
};

/// What a compilation did.
struct CompileReport {
  double compile_ms = 0;  ///< all of it, tracing and differentiation not included
  std::vector<std::pair<std::string, double>> passes;  ///< name, ms, in order
  std::size_t kernels = 0;
  std::size_t launches = 0;            ///< of a GPU, each call
  std::int64_t arena_bytes = 0;        ///< memory of all intermediate values
  std::int64_t lower_bound_bytes = 0;  ///< the largest sum of intermediate bytes alive at once
  std::string graph;                   ///< the optimised graph, as .adze text
};

namespace detail {

/// One traced and compiled combination of types.
class Specialisation;

/// The flattened arguments of one call: leaves, and the key that finds their specialisation.
class FlatCall final : public TreeVisitor {
 public:
  explicit FlatCall(const void* signature);
  ~FlatCall() override;
  FlatCall(const FlatCall&) = delete;
  FlatCall& operator=(const FlatCall&) = delete;

  /// A moved argument donates its memory.
  template <class T>
  void add(T&& argument) {
    donated_ = !std::is_lvalue_reference_v<T&&> && !std::is_const_v<std::remove_reference_t<T>>;
    visit_const_tree(argument, *this);
  }

  struct Leaf {
    Array* array;
    bool donated;
  };
  const std::vector<Leaf>& leaves() const { return buffers_->leaves; }
  const std::string& key() const { return buffers_->key; }
  /// The first leaf that is empty or a traced value; none if npos.
  std::size_t bad_leaf() const { return bad_leaf_; }
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

 private:
  void leaf(Array& array) override;
  void fixed(const void* bytes, std::size_t size) override;

  /// Reused from call to call by each thread: no allocation once warm.
  struct Buffers {
    std::vector<Leaf> leaves;
    std::string key;
  };
  static std::vector<std::unique_ptr<Buffers>>& pool();
  std::unique_ptr<Buffers> buffers_;
  bool donated_ = false;
  std::size_t bad_leaf_ = npos;
};

/// The specialisations of one compiled function. Thread-safe.
class CompileCache {
 public:
  explicit CompileCache(CompileOptions options, Location wrapped);
  ~CompileCache();

  CallSite site(Location called) const { return {&names_, "compile", wrapped_, called}; }
  const FunctionNames& names() const { return names_; }
  Device device() const { return device_; }

  /// nullptr when there is none yet.
  const Specialisation* find(const std::string& key) const;
  /// Holds the right to build: at most one thread at a time does.
  std::unique_lock<std::recursive_mutex> lock_building() { return std::unique_lock(building_); }
  /// Compiles; the result tree (its Arrays empty) is kept for `Specialisation`'s users.
  const Specialisation* insert(const FlatCall& call, TracedGraph traced, std::shared_ptr<const void> result,
                               const CallSite& site);
  std::size_t size() const;

 private:
  struct Table;
  FunctionNames names_;
  Device device_;
  Location wrapped_;
  std::recursive_mutex building_;
  std::unique_ptr<Table> table_;
};

/// The result tree, its Arrays empty.
const void* result_of(const Specialisation& specialisation);
/// Runs on the leaves of `call`, emptying those that were moved; fills `results`.
void run(const Specialisation& specialisation, const FlatCall& call, const std::vector<Array*>& results);
[[noreturn]] void fail_bad_leaf(const FlatCall& call, const std::vector<std::string>& paths,
                                const CallSite& site);
CompileReport report(const Specialisation& specialisation);
std::shared_ptr<const Executable> executable(const Specialisation& specialisation);

/// An address of its own for each list of types.
template <class... T>
inline constexpr char kTypeTag = 0;

/// Fixed buffers and an entry point.
class BoundCall {
 public:
  BoundCall(const Specialisation& specialisation, const FlatCall& call);
  ~BoundCall();
  BoundCall(BoundCall&&) noexcept;
  BoundCall& operator=(BoundCall&&) noexcept;

  void run() noexcept;
  void* input(std::size_t leaf, DType dtype) const;
  const void* output(std::size_t leaf, DType dtype) const;
  std::size_t input_size(std::size_t leaf) const;
  std::size_t output_size(std::size_t leaf) const;
  /// Copies of the outputs.
  std::vector<Array> outputs() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detail

/// A compiled function on fixed buffers of its own: for control loops, audio, robots. A call does not
/// allocate, lock, hash or enter the system. Not for use by several threads at once.
template <class Result>
class BoundFunction {
 public:
  BoundFunction(detail::BoundCall call, Result result) : call_(std::move(call)), result_(std::move(result)) {}

  /// Reads the inputs, writes the outputs.
  void operator()() noexcept { call_.run(); }
  /// The elements of the i-th Array of the arguments, to be written before a call. T must be its element
  /// type, i in range (RuntimeError).
  template <class T>
  std::span<T> input(std::size_t i) {
    return {static_cast<T*>(call_.input(i, dtype_of<T>())), call_.input_size(i)};
  }
  /// The elements of the i-th Array of the result, as the last call left them.
  template <class T>
  std::span<const T> output(std::size_t i) const {
    return {static_cast<const T*>(call_.output(i, dtype_of<T>())), call_.output_size(i)};
  }
  /// The result as a tree; a copy that later calls leave alone.
  Result result() const { return tree_unflatten(result_, call_.outputs()); }

 private:
  detail::BoundCall call_;
  Result result_;
};

/// What `compile` returns: call it like the function. Copies share what was compiled. Thread-safe.
template <class F>
class CompiledFunction : public detail::Callable<CompiledFunction<F>> {
 public:
  CompiledFunction(F f, CompileOptions options, Location at)
      : function_(std::move(f)), cache_(std::make_shared<detail::CompileCache>(std::move(options), at)) {}

  /// Runs the program for these types and shapes, tracing and compiling it if it is the first call with them.
  /// Arguments passed by std::move are empty afterwards; results may live in their memory.
  template <class... Args>
  auto call(Location at, Args&&... args) const {
    using Result = detail::CallResult<F, Args...>;
    const detail::CallSite site = cache_->site(at);
    if (detail::tracing()) return call_inline<Result>(site, std::forward<Args>(args)...);
    detail::FlatCall flat(&detail::kTypeTag<Result, std::decay_t<Args>...>);
    (flat.add(std::forward<Args>(args)), ...);
    const detail::Specialisation& specialisation = specialise<Result>(flat, site, args...);
    Result result = *static_cast<const Result*>(detail::result_of(specialisation));
    detail::run(specialisation, flat, detail::leaf_pointers(result));
    return result;
  }

  /// Compiles for these arguments and copies them into buffers that stay. Nothing is donated. For the CPU
  /// only: on a GPU a launch enters the system and may fail (RuntimeError).
  template <class... Args>
  auto bind(const Args&... args) const {
    using Result = detail::CallResult<F, const Args&...>;
    detail::FlatCall flat(&detail::kTypeTag<Result, std::decay_t<const Args&>...>);
    (flat.add(args), ...);
    const detail::Specialisation& specialisation = specialise<Result>(flat, cache_->site({}), args...);
    return BoundFunction<Result>(detail::BoundCall(specialisation, flat),
                                 *static_cast<const Result*>(detail::result_of(specialisation)));
  }

  /// What compiling for these arguments did; compiles if need be, runs nothing. An argument passed by
  /// std::move stands for one that is donated, but is left alone.
  template <class... Args>
  CompileReport report(Args&&... args) const {
    return detail::report(prepare(std::forward<Args>(args)...));
  }
  /// The compiled program with all its levels (runtime/executable.h).
  template <class... Args>
  std::shared_ptr<const Executable> executable(Args&&... args) const {
    return detail::executable(prepare(std::forward<Args>(args)...));
  }
  /// How many combinations of types were traced and compiled so far.
  std::size_t specialisations() const { return cache_->size(); }

 private:
  template <class... Args>
  const detail::Specialisation& prepare(Args&&... args) const {
    using Result = detail::CallResult<F, Args...>;
    detail::FlatCall flat(&detail::kTypeTag<Result, std::decay_t<Args>...>);
    (flat.add(std::forward<Args>(args)), ...);
    return specialise<Result>(flat, cache_->site({}), args...);
  }

  template <class Result, class... Args>
  const detail::Specialisation& specialise(const detail::FlatCall& flat, const detail::CallSite& site,
                                           const Args&... args) const {
    if (flat.bad_leaf() != detail::FlatCall::npos) {
      detail::fail_bad_leaf(flat, detail::argument_paths(cache_->names(), args...), site);
    }
    if (const detail::Specialisation* found = cache_->find(flat.key())) return *found;
    const auto lock = cache_->lock_building();
    if (const detail::Specialisation* found = cache_->find(flat.key())) return *found;
    auto traced = detail::trace_call(function_, site, std::tuple<std::decay_t<const Args&>...>(args...));
    return *cache_->insert(flat, std::move(traced.traced),
                           std::make_shared<const Result>(std::move(traced.result)), site);
  }

  template <class Result, class... Args>
  Result call_inline(const detail::CallSite& site, Args&&... args) const {
    try {
      return detail::call_function(function_, site.called, std::decay_t<Args>(std::forward<Args>(args))...);
    } catch (const Error&) {
      detail::rethrow_in_context(site);
    }
  }

  F function_;
  std::shared_ptr<detail::CompileCache> cache_;
};

/// Makes f one native program for each combination of argument types, shapes, dtypes and static values,
/// compiled at the first call with it. f may not depend on anything that changes but its arguments: Arrays it
/// captures are read when it is traced (those of one element become constants of the program). Inside a trace
/// the compiled function is part of what is traced, so `grad(compile(f))` and `compile(grad(compile(f)))`
/// work.
template <class F>
auto compile(F f, CompileOptions options = {}, Location at = Location::current()) {
  return CompiledFunction<F>(std::move(f), std::move(options), at);
}

}  // namespace adze
