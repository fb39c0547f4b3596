#include "adze/compile.h"

#include <fmt/format.h>

#include <cstring>
#include <shared_mutex>
#include <unordered_map>

#include "frontend/array_state.h"
#include "frontend/devices.h"
#include "frontend/eager.h"
#include "ir/text.h"
#include "runtime/executable.h"

namespace adze::detail {

class Specialisation {
 public:
  std::shared_ptr<const Executable> executable;
  std::vector<Array> captures;
  std::shared_ptr<const void> result;
};

// FlatCall

std::vector<std::unique_ptr<FlatCall::Buffers>>& FlatCall::pool() {
  thread_local std::vector<std::unique_ptr<Buffers>> buffers;
  return buffers;
}

FlatCall::FlatCall(const void* signature) {
  if (pool().empty()) {
    buffers_ = std::make_unique<Buffers>();
  } else {
    buffers_ = std::move(pool().back());
    pool().pop_back();
  }
  buffers_->leaves.clear();
  buffers_->key.clear();
  fixed(&signature, sizeof signature);
}

FlatCall::~FlatCall() {
  pool().push_back(std::move(buffers_));
}

void FlatCall::leaf(Array& array) {
  const ArrayState* state = ArrayAccess::state(array);
  if ((!state || !state->buffer) && bad_leaf_ == npos) bad_leaf_ = buffers_->leaves.size();
  buffers_->leaves.push_back({&array, donated_});
  if (!state) return;
  const char head[] = {static_cast<char>(state->type.dtype), static_cast<char>(donated_)};
  const std::size_t rank = state->type.shape.size();
  fixed(head, sizeof head);
  fixed(&rank, sizeof rank);
  fixed(state->type.shape.data(), state->type.shape.size() * sizeof(std::int64_t));
}

void FlatCall::fixed(const void* bytes, std::size_t size) {
  buffers_->key.append(static_cast<const char*>(bytes), size);
}

void fail_bad_leaf(const FlatCall& call, const std::vector<std::string>& paths, const CallSite& site) {
  const std::size_t i = call.bad_leaf();
  const ArrayState* state = ArrayAccess::state(*call.leaves()[i].array);
  std::string message = site.names->name.empty() ? "call" : site.names->name;
  if (!state) {
    message += fmt::format(
        ": argument {} is an empty Array: never assigned, moved from, or donated to a compiled function",
        paths[i]);
  } else {
    message += fmt::format(": argument {} is a traced Array used outside its trace: {} {}", paths[i],
                           to_string(state->type), describe_traced(*state));
  }
  if (site.called.known()) message += "\n  at " + to_string(site.called);
  throw RuntimeError(message);
}

// CompileCache

struct CompileCache::Table {
  mutable std::shared_mutex mutex;
  std::unordered_map<std::string, std::unique_ptr<const Specialisation>> entries;
};

CompileCache::CompileCache(CompileOptions options, Location wrapped)
    : names_{std::move(options.name), std::move(options.arguments)},
      device_(options.device.value_or(current_device())),
      wrapped_(wrapped),
      table_(std::make_unique<Table>()) {}

CompileCache::~CompileCache() = default;

const Specialisation* CompileCache::find(const std::string& key) const {
  const std::shared_lock lock(table_->mutex);
  const auto found = table_->entries.find(key);
  return found == table_->entries.end() ? nullptr : found->second.get();
}

const Specialisation* CompileCache::insert(const FlatCall& call, TracedGraph traced,
                                           std::shared_ptr<const void> result, const CallSite& site) {
  std::vector<bool> donated;
  for (const FlatCall::Leaf& leaf : call.leaves()) donated.push_back(leaf.donated);
  donated.resize(traced.graph->parameters().size(), false);
  auto entry = std::make_unique<Specialisation>();
  try {
    CompileContext context = make_context(device_);
    entry->executable = Executable::build(*traced.graph, donated, device_, context);
  } catch (const Error&) {
    rethrow_in_context(site);
  }
  entry->captures = std::move(traced.captures);
  entry->result = std::move(result);
  const std::lock_guard lock(table_->mutex);
  return table_->entries.emplace(call.key(), std::move(entry)).first->second.get();
}

std::size_t CompileCache::size() const {
  const std::shared_lock lock(table_->mutex);
  return table_->entries.size();
}

// Specialisation

const void* result_of(const Specialisation& specialisation) {
  return specialisation.result.get();
}

namespace {

/// The memory of a moved argument, which is empty afterwards: given up if nothing else refers to it.
Executable::Argument take(Array& array) {
  const bool donated = ArrayAccess::sole_owner(array);
  return {ArrayAccess::take_buffer(array), donated};
}

}  // namespace

void run(const Specialisation& specialisation, const FlatCall& call, const std::vector<Array*>& results) {
  std::vector<Executable::Argument> arguments;
  arguments.reserve(call.leaves().size() + specialisation.captures.size());
  // First those that stay, so that memory which is also passed as such counts as shared below.
  for (const FlatCall::Leaf& leaf : call.leaves()) {
    arguments.push_back({leaf.donated ? nullptr : ArrayAccess::state(*leaf.array)->buffer, false});
  }
  const std::vector<TensorType>& parameter_types = specialisation.executable->parameter_types();
  for (std::size_t i = 0; i < call.leaves().size(); ++i) {
    if (!call.leaves()[i].donated) continue;
    if (!ArrayAccess::state(*call.leaves()[i].array)) {  // taken a moment ago; a failed call takes nothing
      for (std::size_t k = 0; k < i; ++k) {
        if (!call.leaves()[k].donated) continue;
        *call.leaves()[k].array = ArrayAccess::make(parameter_types[k], std::move(arguments[k].buffer));
      }
      throw RuntimeError("call: one Array is moved into two arguments");
    }
    arguments[i] = take(*call.leaves()[i].array);
  }
  for (const Array& capture : specialisation.captures) {
    arguments.push_back({ArrayAccess::state(capture)->buffer, false});
  }
  std::vector<BufferPtr> buffers;
  try {
    buffers = specialisation.executable->run(arguments);
  } catch (const Error&) {
    // A GPU may be out of memory or refuse a launch: what the program has not taken goes back.
    for (std::size_t i = 0; i < call.leaves().size(); ++i) {
      if (!call.leaves()[i].donated || !arguments[i].buffer) continue;
      *call.leaves()[i].array = ArrayAccess::make(parameter_types[i], std::move(arguments[i].buffer));
    }
    throw;
  }
  const std::vector<TensorType>& types = specialisation.executable->result_types();
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    *results[i] = ArrayAccess::make(types[i], std::move(buffers[i]));
  }
}

CompileReport report(const Specialisation& specialisation) {
  const Executable& executable = *specialisation.executable;
  CompileReport result;
  result.compile_ms = executable.compile_milliseconds();
  for (const CompileContext::Timing& timing : executable.timings()) {
    result.passes.emplace_back(timing.pass, timing.milliseconds);
  }
  const Lowered& lowered = executable.lowered();
  result.kernels = lowered.groups.size();
  if (const auto& launch = lowered.program.launch) {
    result.launches = launch->mode == loop::Launch::Mode::kPersistent ? 1 : lowered.program.calls.size();
  }
  result.arena_bytes = executable.arena_bytes();
  result.lower_bound_bytes = lowered.plan.lower_bound_bytes;
  result.graph = print(lowered.graph);
  return result;
}

std::shared_ptr<const Executable> executable(const Specialisation& specialisation) {
  return specialisation.executable;
}

// BoundCall

struct BoundCall::State {
  std::shared_ptr<const Executable> executable;
  EntryPoint entry = nullptr;
  std::size_t leaf_count = 0;
  std::vector<BufferPtr> inputs;  ///< the leaves' and the captures'
  std::vector<BufferPtr> outputs;
  std::vector<BufferPtr> constants;
  BufferPtr arena;
  std::vector<void*> pointers;  ///< what the entry point takes

  static BufferPtr copy(const void* data, std::size_t bytes) {
    BufferPtr buffer = Buffer::allocate(bytes);
    if (bytes > 0) std::memcpy(buffer->data(), data, bytes);
    return buffer;
  }
  static void* checked(const char* what, const std::vector<BufferPtr>& buffers,
                       const std::vector<TensorType>& types, std::size_t count, std::size_t leaf,
                       DType dtype) {
    if (leaf >= count) {
      throw RuntimeError(fmt::format("{}: there is no {}, only {} Arrays", what, leaf, count));
    }
    if (types[leaf].dtype != dtype) {
      throw RuntimeError(
          fmt::format("{}: {} is {}, not {}", what, leaf, to_string(types[leaf]), to_string(dtype)));
    }
    return buffers[leaf]->data();
  }
};

BoundCall::BoundCall(const Specialisation& specialisation, const FlatCall& call)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.executable = specialisation.executable;
  state.entry = state.executable->entry();
  if (!state.entry) {
    throw RuntimeError(
        state.executable->on_gpu()
            ? "bind: a call on a GPU enters the system and may fail, which a bound function never "
              "does; call the compiled function, or compile for cpu()"
            : "bind: the interpreter has no machine code to bind; compile for the CPU");
  }
  state.leaf_count = call.leaves().size();
  const auto copy_array = [](const Array& array) {
    const ArrayState& source = *ArrayAccess::state(array);
    return State::copy(source.buffer->data(), static_cast<std::size_t>(source.type.byte_size()));
  };
  for (const FlatCall::Leaf& leaf : call.leaves()) state.inputs.push_back(copy_array(*leaf.array));
  for (const Array& capture : specialisation.captures) state.inputs.push_back(copy_array(capture));
  for (const TensorType& type : state.executable->result_types()) {
    state.outputs.push_back(Buffer::allocate(static_cast<std::size_t>(type.byte_size())));
  }
  for (const ConstantRef& constant : state.executable->lowered().program.constants) {
    state.constants.push_back(State::copy(constant->bytes(), constant->byte_size()));
  }
  state.arena = Buffer::allocate(static_cast<std::size_t>(state.executable->arena_bytes()));
  for (const auto* list : {&state.inputs, &state.outputs, &state.constants}) {
    for (const BufferPtr& buffer : *list) state.pointers.push_back(buffer->data());
  }
}

BoundCall::~BoundCall() = default;
BoundCall::BoundCall(BoundCall&&) noexcept = default;
BoundCall& BoundCall::operator=(BoundCall&&) noexcept = default;

void BoundCall::run() noexcept {
  state_->entry(state_->pointers.data(), state_->arena->data());
}

void* BoundCall::input(std::size_t leaf, DType dtype) const {
  return State::checked("input", state_->inputs, state_->executable->parameter_types(), state_->leaf_count,
                        leaf, dtype);
}

const void* BoundCall::output(std::size_t leaf, DType dtype) const {
  return State::checked("output", state_->outputs, state_->executable->result_types(), state_->outputs.size(),
                        leaf, dtype);
}

std::size_t BoundCall::input_size(std::size_t leaf) const {
  return static_cast<std::size_t>(state_->executable->parameter_types()[leaf].element_count());
}

std::size_t BoundCall::output_size(std::size_t leaf) const {
  return static_cast<std::size_t>(state_->executable->result_types()[leaf].element_count());
}

std::vector<Array> BoundCall::outputs() const {
  std::vector<Array> result;
  const std::vector<TensorType>& types = state_->executable->result_types();
  for (std::size_t i = 0; i < types.size(); ++i) {
    result.push_back(ArrayAccess::make(
        types[i], State::copy(state_->outputs[i]->data(), static_cast<std::size_t>(types[i].byte_size()))));
  }
  return result;
}

}  // namespace adze::detail
