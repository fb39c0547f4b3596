#include "tracing.h"

#include <fmt/format.h>

#include <cstring>

#include "ir/literal.h"

namespace adze::detail {
namespace {

thread_local TraceState* innermost = nullptr;

std::string function_name(const CallSite& site) {
  if (!site.names->name.empty()) return site.names->name;
  std::string name = "the function of " + std::string(site.transform);
  if (site.wrapped.known() &&
      !(site.wrapped.line == site.called.line && site.wrapped.file == site.called.file)) {
    name += " at " + to_string(site.wrapped);
  }
  return name;
}

/// The name a traced value has as a parameter of its graph; empty if it is none or has none.
std::string parameter_name(const TraceState& trace, ValueId value) {
  const Graph& graph = trace.builder.graph();
  return graph.is_parameter(value) ? graph.parameters()[graph.value(value).position].name : std::string();
}

Literal to_literal(const ArrayState& state) {
  Literal literal(state.type);
  if (literal.byte_size() > 0) std::memcpy(literal.bytes(), state.buffer->data(), literal.byte_size());
  return literal;
}

/// The trace among `trace` and those around it that `state` belongs to.
TraceState* owner(TraceState* trace, const ArrayState& state) {
  while (trace && trace->identity != state.trace) trace = trace->outer;
  return trace;
}

[[noreturn]] void fail_escaped(const ArrayState& state, const std::string& what, const std::string& name) {
  throw RuntimeError(fmt::format(
      "{}: {} is a traced Array used outside its trace: {} {}\n  return it from the traced function instead",
      what, name, to_string(state.type), describe_traced(state)));
}

/// An op graph's name: an identifier.
std::string graph_name(const std::string& name) {
  std::string result;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    result += plain ? c : '_';
  }
  return result.empty() ? "main" : result;
}

}  // namespace

TraceState* current_trace() {
  return innermost;
}

bool tracing() {
  return innermost != nullptr;
}

ValueId resolve(TraceState& trace, const Array& array, const char* what, const std::string& name) {
  const ArrayState* state = ArrayAccess::state(array);
  if (!state) {
    throw RuntimeError(
        fmt::format("{}: {} is an empty Array: never assigned, moved from, or donated to a compiled function",
                    what, name));
  }
  if (state->trace == trace.identity && !state->buffer) return state->value;
  if (const auto found = trace.known.find(state); found != trace.known.end()) return found->second;

  ValueId value;
  if (state->buffer && state->type.element_count() == 1) {
    value = trace.builder.constant(to_literal(*state));
  } else {
    std::string parameter = fmt::format("captured{}", trace.captures.size());
    if (!state->buffer) {
      const TraceState* from = owner(trace.outer, *state);
      if (!from) fail_escaped(*state, what, name);
      if (std::string outer_name = parameter_name(*from, state->value); !outer_name.empty()) {
        parameter = std::move(outer_name);
      }
    }
    value = trace.builder.parameter(state->type, std::move(parameter));
    trace.captures.push_back(array);
  }
  trace.known.emplace(state, value);
  trace.keep_alive.push_back(array);
  return value;
}

Array wrap(TraceState& trace, ValueId value) {
  const Node* node = trace.builder.graph().producer(value);
  return ArrayAccess::make_traced(trace.builder.type(value), trace.identity, value,
                                  node ? node->location : Location{});
}

Tracer::Tracer(const CallSite& site) : state_(std::make_unique<TraceState>()) {
  state_->identity = std::make_shared<const TraceIdentity>(TraceIdentity{function_name(site)});
  state_->builder.set_name(graph_name(site.names->name));
  state_->outer = innermost;
  state_->no_composition.emplace();
  innermost = state_.get();
}

Tracer::~Tracer() {
  if (innermost == state_.get()) innermost = state_->outer;
}

std::vector<TensorType> leaf_types(const char* what, const std::vector<const Array*>& leaves,
                                   const std::vector<std::string>& paths) {
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i]->empty()) {
      throw RuntimeError(fmt::format(
          "{}: {} is an empty Array: never assigned, moved from, or donated to a compiled function", what,
          paths[i]));
    }
    types.push_back(leaves[i]->type());
  }
  return types;
}

void Tracer::make_parameters(const std::vector<Array*>& leaves, const std::vector<std::string>& paths,
                             const std::vector<TensorType>& types) {
  ADZE_CHECK(leaves.size() == types.size() && leaves.size() == paths.size(), "one type and path a leaf");
  for (std::size_t i = 0; i < leaves.size(); ++i)
    *leaves[i] = wrap(*state_, state_->builder.parameter(types[i], paths[i]));
}

void Tracer::make_parameters(const std::vector<Array*>& leaves, const std::vector<std::string>& paths) {
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const ArrayState* state = ArrayAccess::state(*leaves[i]);
    if (!state) {
      throw RuntimeError(fmt::format(
          "{}: argument {} is an empty Array: never assigned, moved from, or donated to a compiled function",
          state_->identity->name, paths[i]));
    }
    std::string name = paths[i];
    if (!state->buffer) {
      const TraceState* from = owner(state_->outer, *state);
      if (!from) fail_escaped(*state, state_->identity->name, "argument " + paths[i]);
      if (std::string outer_name = parameter_name(*from, state->value); !outer_name.empty()) {
        name = std::move(outer_name);
      }
    }
    *leaves[i] = wrap(*state_, state_->builder.parameter(state->type, std::move(name)));
  }
}

TracedGraph Tracer::finish(const std::vector<Array*>& results) {
  ADZE_CHECK(innermost == state_.get(), "traces must end in the reverse order of their beginnings");
  std::vector<ValueId> values;
  for (std::size_t i = 0; i < results.size(); ++i) {
    values.push_back(
        resolve(*state_, *results[i], state_->identity->name.c_str(), fmt::format("result {}", i)));
    *results[i] = Array();
  }
  TracedGraph traced;
  traced.graph = std::make_shared<const Graph>(state_->builder.finish(std::move(values)));
  traced.captures = std::move(state_->captures);
  innermost = state_->outer;
  return traced;
}

std::string argument_name(const FunctionNames& names, std::size_t i) {
  return i < names.arguments.size() ? names.arguments[i] : fmt::format("arg{}", i);
}

void rethrow_in_context(const CallSite& site) {
  const auto extend = [&](const Error& error) {
    std::string message = error.what();
    const std::size_t last_line = message.rfind('\n');
    // The first context goes on the op's "  at net.cpp:42" line, further ones below it.
    const bool has_place = last_line != std::string::npos && message.compare(last_line, 6, "\n  at ") == 0;
    message += has_place && message.find(", while tracing", last_line) == std::string::npos ? ", " : "\n  ";
    message += "while tracing " + function_name(site);
    if (site.called.known()) message += " called at " + to_string(site.called);
    return message;
  };
  try {
    throw;
  } catch (const TypeError& error) {
    throw TypeError(extend(error));
  } catch (const CompileError& error) {
    throw CompileError(extend(error));
  } catch (const RuntimeError& error) {
    throw RuntimeError(extend(error));
  } catch (const IoError& error) {
    throw IoError(extend(error));
  } catch (const InternalError& error) {
    throw InternalError(extend(error));
  }
}

}  // namespace adze::detail
