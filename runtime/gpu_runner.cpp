#include "runtime/gpu_runner.h"

#include "ir/errors.h"

namespace adze {

using Kind = TransferStep::Kind;

namespace {

std::size_t bytes_of(const TensorType& type) {
  return static_cast<std::size_t>(type.byte_size());
}

/// The contents again, in memory of their own on the device. What is on the host only is sent straight there.
BufferPtr copy(const Buffer& source, GpuDevice& device) {
  BufferPtr result = Buffer::allocate(device, source.size());
  if (source.size() == 0) return result;
  if (source.on(device)) {
    device.copy_within(result->data(device), source.data(device), source.size());
  } else {
    device.copy_in(result->data(device), source.data(), source.size());
  }
  return result;
}

}  // namespace

GpuRunner::GpuRunner(const Lowered& lowered, GpuDevice& device, CompileContext& context)
    : lowered_(lowered),
      device_(device),
      program_(device.load(lowered.program, context)),
      arenas_(static_cast<std::size_t>(lowered.program.arena_bytes), &device) {
  for (const TransferStep& step : lowered.transfers) {
    if (step.kind != Kind::kUpload) continue;
    const Literal& constant = *lowered.program.constants[step.position];
    constants_.push_back(Buffer::allocate(device, constant.byte_size()));
    if (constant.byte_size() == 0) continue;
    device.copy_in(constants_.back()->data(device), constant.bytes(), constant.byte_size());
  }
}

std::vector<BufferPtr> GpuRunner::run(std::span<Argument> arguments) const {
  const loop::Program& program = lowered_.program;
  const std::size_t results_at = program.parameter_types.size();
  const std::size_t constants_at = results_at + program.result_types.size();
  std::vector<void*> pointers(constants_at + constants_.size(), nullptr);
  for (std::size_t i = 0; i < constants_.size(); ++i)
    pointers[constants_at + i] = constants_[i]->data(device_);

  // Memory that the program works in instead of an argument's, and the arguments that it works in: those are
  // the caller's until nothing can fail any more.
  std::vector<BufferPtr> own(arguments.size());
  std::vector<bool> given(arguments.size(), false);
  std::vector<BufferPtr> results(program.result_types.size());
  for (const TransferStep& step : lowered_.transfers) {
    const std::size_t i = step.position;
    switch (step.kind) {
      case Kind::kUpload:
        break;
      case Kind::kCopyIn:
        pointers[i] = arguments[i].buffer->data(device_);
        break;
      case Kind::kTakeOver:
        given[i] = arguments[i].donated && arguments[i].buffer.use_count() == 1;
        if (!given[i]) own[i] = copy(*arguments[i].buffer, device_);
        pointers[i] = (given[i] ? arguments[i].buffer : own[i])->data(device_);
        break;
      case Kind::kAllocate:
        results[i] = Buffer::allocate(device_, bytes_of(program.result_types[i]));
        pointers[results_at + i] = results[i]->data(device_);
        break;
      case Kind::kAlias:
        pointers[results_at + i] = pointers[step.source];
        break;
      case Kind::kLaunch: {
        const ArenaPool::Lease arena(arenas_);
        program_->run(pointers, arena.data());
        break;
      }
    }
  }
  for (const TransferStep& step : lowered_.transfers) {
    const std::size_t i = step.position;
    if (step.kind == Kind::kTakeOver && given[i]) {
      own[i] = std::move(arguments[i].buffer);
      own[i]->take_over(device_);
    }
    if (step.kind == Kind::kAlias) results[i] = own[step.source];
  }
  return results;
}

}  // namespace adze
