#include <algorithm>

#include "ir/loop_ir.h"

namespace adze::loop {

Stmt Stmt::make_for(VarId var, std::int64_t extent, LoopKind loop, std::vector<Stmt> body, ExprId limit) {
  Stmt stmt;
  stmt.kind = StmtKind::kFor;
  stmt.loop = loop;
  stmt.var = var;
  stmt.extent = extent;
  stmt.limit = limit;
  stmt.body = std::move(body);
  return stmt;
}

Stmt Stmt::make_store(BufferId buffer, ExprId index, ExprId value) {
  Stmt stmt;
  stmt.kind = StmtKind::kStore;
  stmt.buffer = buffer;
  stmt.index = index;
  stmt.value = value;
  return stmt;
}

Stmt Stmt::make_accumulate(BufferId buffer, ExprId index, Combine combine, ExprId value,
                           std::int64_t threads) {
  Stmt stmt = make_store(buffer, index, value);
  stmt.kind = StmtKind::kAccumulate;
  stmt.combine = combine;
  stmt.threads = threads;
  return stmt;
}

Stmt Stmt::make_let(VarId var, ExprId value) {
  Stmt stmt;
  stmt.kind = StmtKind::kLet;
  stmt.var = var;
  stmt.value = value;
  return stmt;
}

Stmt Stmt::make_alloc(BufferId buffer, std::vector<Stmt> body) {
  Stmt stmt;
  stmt.kind = StmtKind::kAlloc;
  stmt.buffer = buffer;
  stmt.body = std::move(body);
  return stmt;
}

Stmt Stmt::make_if(ExprId condition, std::vector<Stmt> body) {
  Stmt stmt;
  stmt.kind = StmtKind::kIf;
  stmt.value = condition;
  stmt.body = std::move(body);
  return stmt;
}

Stmt Stmt::make_barrier() {
  return {};
}

BufferId Kernel::add_buffer(std::string buffer_name, BufferType type, Scope scope) {
  buffers.push_back({std::move(buffer_name), std::move(type), scope});
  return {static_cast<std::uint32_t>(buffers.size() - 1)};
}

std::int64_t scratch_bytes(const BufferType& type) {
  const auto alignment = static_cast<std::int64_t>(kAlignment);
  const std::int64_t bytes = type.element_count() * static_cast<std::int64_t>(byte_size(type.dtype));
  return (bytes + alignment - 1) / alignment * alignment;
}

namespace {

std::int64_t scratch_bytes(const Kernel& kernel, const std::vector<Stmt>& body) {
  std::int64_t most = 0;
  for (const Stmt& stmt : body) {
    std::int64_t bytes = scratch_bytes(kernel, stmt.body);
    if (stmt.kind == StmtKind::kAlloc && kernel.buffers[stmt.buffer.index].scope == Scope::kShared) {
      bytes += scratch_bytes(kernel.buffers[stmt.buffer.index].type);
    }
    most = std::max(most, bytes);
  }
  return most;
}

}  // namespace

std::int64_t scratch_bytes(const Kernel& kernel) {
  return scratch_bytes(kernel, kernel.body);
}

namespace {

/// The block loop of a GPU kernel; nullptr for others.
const Stmt* block_loop(const Kernel& kernel) {
  const auto is_loop = [](const Stmt& stmt, LoopKind kind) {
    return stmt.kind == StmtKind::kFor && stmt.loop == kind;
  };
  if (kernel.body.size() != 1 || !is_loop(kernel.body[0], LoopKind::kGrid)) return nullptr;
  const Stmt* stmt = &kernel.body[0];
  do {
    if (stmt->body.size() != 1) return nullptr;
    stmt = &stmt->body[0];
  } while (stmt->kind == StmtKind::kAlloc && kernel.buffers[stmt->buffer.index].scope == Scope::kShared);
  return is_loop(*stmt, LoopKind::kBlock) ? stmt : nullptr;
}

}  // namespace

bool is_gpu_kernel(const Kernel& kernel) {
  return block_loop(kernel) != nullptr;
}

std::int64_t grid_extent(const Kernel& kernel) {
  ADZE_CHECK(is_gpu_kernel(kernel), "kernel @" + kernel.name + " is not scheduled for a GPU");
  return kernel.body[0].extent;
}

std::int64_t block_extent(const Kernel& kernel) {
  ADZE_CHECK(is_gpu_kernel(kernel), "kernel @" + kernel.name + " is not scheduled for a GPU");
  return block_loop(kernel)->extent;
}

Dims BufferType::strides() const {
  if (order.empty()) return row_major_strides(shape);
  Dims result(shape.size(), 1);
  std::int64_t stride = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    const auto dim = static_cast<std::size_t>(order[i]);
    result[dim] = stride;
    stride *= shape[dim];
  }
  return result;
}

ExprId offset(Exprs& exprs, const BufferType& type, std::span<const ExprId> index) {
  ADZE_CHECK(index.size() == type.shape.size(), "one index a dimension");
  const Dims strides = type.strides();
  ExprId sum = exprs.index(0);
  for (std::size_t i = 0; i < index.size(); ++i) sum = exprs.add(sum, exprs.mul(index[i], strides[i]));
  return sum;
}

}  // namespace adze::loop
