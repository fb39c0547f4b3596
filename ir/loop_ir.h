#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/literal.h"
#include "ir/types.h"

/// The loop IR: what every schedule is written in and every back end prints. Small and closed: the statements
/// For, Store, Accumulate, Let, Alloc, Barrier, If; the expressions below; nothing else.
namespace adze::loop {

enum class ScalarOp : std::uint8_t {
#define ADZE_SCALAR_OP(name, ...) name,
#include "ir/scalar_ops.def"
#undef ADZE_SCALAR_OP
};
std::string_view to_string(ScalarOp op);  ///< "add"; the trailing _ of and_, or_, xor_, not_ is dropped
int arity(ScalarOp op);

/// The dtypes an instruction takes; kElementary are floats. f16 and bf16 are in none of them: they are
/// loaded, stored, converted, bitcast and selected, and computed in f32.
enum class Domain : std::uint8_t { kAll, kNumbers, kFloats, kElementary, kBits, kIntegers };
Domain domain(ScalarOp op);
int instruction_cost(ScalarOp op);  ///< machine instructions for one vector, roughly

struct ExprId {
  std::uint32_t index = UINT32_MAX;
  explicit operator bool() const { return index != UINT32_MAX; }
  friend auto operator<=>(const ExprId&, const ExprId&) = default;
};
struct VarId {
  std::uint32_t index = UINT32_MAX;
  explicit operator bool() const { return index != UINT32_MAX; }
  friend auto operator<=>(const VarId&, const VarId&) = default;
};
struct BufferId {
  std::uint32_t index = UINT32_MAX;
  explicit operator bool() const { return index != UINT32_MAX; }
  friend auto operator<=>(const BufferId&, const BufferId&) = default;
};

enum class ExprKind : std::uint8_t {
  kConst,    ///< `bits` of dtype
  kVar,      ///< a loop variable (i64) or the variable of a Let
  kLoad,     ///< buffer[args[0]]; args[1], if there, is a bool guard: not read, and unspecified, where false
  kScalar,   ///< one of scalar_ops.def
  kConvert,  ///< args[0] to dtype. float -> int truncates and saturates, NaN -> 0; to bool: x != 0; f16 and
             ///< bf16 from and to f32 only
  kBitcast,  ///< args[0] to dtype of the same size, bits unchanged (f32 <-> i32, bf16 <-> u16); not bool
};

/// An expression: immutable, hash-consed in its kernel's Exprs, so equal expressions have equal ids.
struct Expr {
  ExprKind kind = ExprKind::kConst;
  ScalarOp op = ScalarOp::neg;
  DType dtype = DType::kI64;
  std::array<ExprId, 3> args = {};
  std::uint64_t bits = 0;  ///< kConst: the value's bits, zero-extended
  VarId var = {};
  BufferId buffer = {};
  friend bool operator==(const Expr&, const Expr&) = default;
};

/// The expressions of one kernel, and the only way to make one. Index arithmetic (i64 add, sub, mul, div,
/// rem, comparisons) is simplified as it is built, with the ranges of loop variables: (i*10 + j) / 10 is i
/// where 0 <= j < 10. Other dtypes are never changed, so float results stay bit for bit.
class Exprs {
 public:
  const Expr& operator[](ExprId id) const { return exprs_[id.index]; }
  std::size_t size() const { return exprs_.size(); }
  DType dtype(ExprId id) const { return exprs_[id.index].dtype; }

  ExprId constant(DType dtype, double value);
  ExprId index(std::int64_t value);  ///< an i64 constant
  ExprId bits(DType dtype, std::uint64_t bits);
  ExprId var(VarId var, DType dtype = DType::kI64);
  ExprId load(BufferId buffer, DType dtype, ExprId offset, ExprId guard = {});
  ExprId apply(ScalarOp op, std::initializer_list<ExprId> args) {
    return apply(op, std::span<const ExprId>(args.begin(), args.size()));
  }
  ExprId apply(ScalarOp op, std::span<const ExprId> args);
  /// x as `to`. Of the halves the loop IR converts only from and to f32; what else is asked for becomes
  /// instructions that round once.
  ExprId convert(ExprId x, DType to);
  ExprId bitcast(ExprId x, DType to);

  // Index arithmetic and guards, for readability.
  ExprId add(ExprId a, ExprId b) { return apply(ScalarOp::add, {a, b}); }
  ExprId add(ExprId a, std::int64_t b) { return add(a, index(b)); }
  ExprId mul(ExprId a, std::int64_t b) { return apply(ScalarOp::mul, {a, index(b)}); }
  ExprId div(ExprId a, std::int64_t b) { return apply(ScalarOp::div, {a, index(b)}); }
  ExprId rem(ExprId a, std::int64_t b) { return apply(ScalarOp::rem, {a, index(b)}); }
  ExprId both(ExprId a, ExprId b);  ///< a && b; an absent one counts as true

  std::optional<std::int64_t> as_index(ExprId id) const;  ///< value of an i64 constant

  /// A new variable. Loop variables run over [0, extent); a Let's variable has extent 0.
  VarId new_var(std::string name, std::int64_t extent = 0, DType dtype = DType::kI64);
  const std::string& var_name(VarId var) const { return vars_[var.index].name; }
  std::int64_t var_extent(VarId var) const { return vars_[var.index].extent; }
  DType var_dtype(VarId var) const { return vars_[var.index].dtype; }
  std::size_t var_count() const { return vars_.size(); }

  /// `id` with variables replaced (and simplified again).
  ExprId substitute(ExprId id, const std::unordered_map<std::uint32_t, ExprId>& by_var);
  bool depends_on(ExprId id, VarId var) const;
  bool has_load(ExprId id) const;

  /// An i64 expression as sum of coefficient * variable + constant; none if it is not affine.
  struct Affine {
    std::vector<std::pair<VarId, std::int64_t>> terms;  ///< sorted by variable, no zero coefficients
    std::int64_t constant = 0;
    std::int64_t coefficient(VarId var) const;
  };
  std::optional<Affine> affine(ExprId id) const;
  ExprId from_affine(const Affine& affine);
  /// Inclusive bounds of an i64 expression from the extents of its loop variables; none if unknown.
  std::optional<std::pair<std::int64_t, std::int64_t>> range(ExprId id) const;

 private:
  struct Var {
    std::string name;
    std::int64_t extent;
    DType dtype;
  };
  struct Linear;
  ExprId intern(const Expr& expr);
  ExprId round_to_odd(ExprId x);
  Linear linear(ExprId id) const;
  ExprId from_linear(const Linear& linear);
  std::optional<std::pair<std::int64_t, std::int64_t>> range_of(const Linear& linear) const;
  ExprId simplify_index(ScalarOp op, std::span<const ExprId> args);
  ExprId simplify_division(ScalarOp op, ExprId a, std::int64_t divisor);

  std::vector<Expr> exprs_;
  std::vector<Var> vars_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> by_hash_;
};

/// kSerial, kUnroll: one iteration after the other. kParallel: any order, on any worker. kVector: all lanes
/// at once, statement by statement. kGrid: iterations are spread over the thread blocks of a GPU launch, in
/// any order. kBlock: the iterations are the threads of one block; each runs the body by itself, up to a
/// Barrier (or an Accumulate over several threads), which waits for all of them.
///
/// A kernel scheduled for a GPU is one statement: For grid { Alloc shared* { For block { ... } } }. Barriers
/// and such Accumulates stand in the block loop where all its threads come by: inside serial and unrolled
/// loops and Allocs, never below an If. A block that runs several grid iterations runs them one after the
/// other with a barrier between them.
enum class LoopKind : std::uint8_t { kSerial, kParallel, kVector, kUnroll, kGrid, kBlock };
std::string_view to_string(LoopKind kind);

/// kArgument: memory handed to the kernel (a parameter, a result, a constant or a planned arena offset).
/// kShared: scratch of one kernel run (an arena range on the CPU, a block's shared memory on a GPU).
/// kRegister: indexed only by unrolled and vector loop variables and constants, so an emitter keeps it in SSA
/// values.
enum class Scope : std::uint8_t { kArgument, kShared, kRegister };
std::string_view to_string(Scope scope);

/// Layout is part of a buffer, not of the graph: `order` lists dims from outermost to innermost, so `offset`
/// is the only place that turns an index into an address.
struct BufferType {
  DType dtype = DType::kF32;
  Dims shape;
  Dims order;  ///< empty: row-major

  std::int64_t element_count() const { return adze::element_count(shape); }
  Dims strides() const;
  friend bool operator==(const BufferType&, const BufferType&) = default;
};
ExprId offset(Exprs& exprs, const BufferType& type, std::span<const ExprId> index);

struct Buffer {
  std::string name;
  BufferType type;
  Scope scope = Scope::kArgument;
  std::int64_t alignment = kAlignment;  ///< of its first byte, a power of two: less for slices of arrays
};

/// How a stored value is joined with the one already there.
enum class Combine : std::uint8_t { kSum, kProd, kMax, kMin, kAnd, kOr };
std::string_view to_string(Combine combine);

enum class StmtKind : std::uint8_t { kFor, kStore, kAccumulate, kLet, kAlloc, kBarrier, kIf };

/// Threads of a block that can fold values among themselves.
inline constexpr std::int64_t kWarpThreads = 32;

/// A statement. Plain values: a pass copies the tree and changes the copy.
struct Stmt {
  StmtKind kind = StmtKind::kBarrier;

  // kFor: `body` for var in [0, extent). kVector: all lanes at once, extent = lanes; where `limit` (i64) is
  // given only lanes < limit are active: the mask is a property of the loop.
  LoopKind loop = LoopKind::kSerial;
  VarId var = {};  ///< also kLet: binds `value`
  std::int64_t extent = 0;
  ExprId limit = {};

  // kStore: buffer[index] = value. kAccumulate: buffer[index] = combine(buffer[index], value); inside a
  // vector loop, where `index` does not depend on the lane, the active lanes are folded in a fixed tree order
  // first. In a block loop, with `threads` > 1 (a power of two, at most kWarpThreads), the values of each
  // group of that many neighbouring threads are folded in the same order first, and every thread of the group
  // combines the result into its own register. kAlloc: `buffer` lives through `body`; contents start
  // unspecified. kIf: `body` where `value` (bool) holds; not inside a vector loop.
  BufferId buffer = {};
  ExprId index = {};
  ExprId value = {};
  Combine combine = Combine::kSum;
  std::int64_t threads = 1;
  std::vector<Stmt> body = {};

  static Stmt make_for(VarId var, std::int64_t extent, LoopKind loop, std::vector<Stmt> body,
                       ExprId limit = {});
  static Stmt make_store(BufferId buffer, ExprId index, ExprId value);
  static Stmt make_accumulate(BufferId buffer, ExprId index, Combine combine, ExprId value,
                              std::int64_t threads = 1);
  static Stmt make_let(VarId var, ExprId value);  ///< in scope to the end of the enclosing body
  static Stmt make_alloc(BufferId buffer, std::vector<Stmt> body);
  static Stmt make_if(ExprId condition, std::vector<Stmt> body);
  static Stmt make_barrier();
};

/// One kernel: a function of its argument buffers. Loads and stores carry flat element offsets.
struct Kernel {
  std::string name;
  Exprs exprs;
  std::vector<Buffer> buffers;  ///< the first `argument_count` are the arguments, in order
  std::size_t argument_count = 0;
  std::vector<bool> written;  ///< for each argument: is it stored to
  /// Are serial loops to run in order? Where not, their iterations depend on each other by nothing but
  /// Accumulates into what does not depend on the loop, and a schedule is free to change their order.
  bool ordered = false;
  std::vector<Stmt> body;
  std::vector<std::string> schedule;  ///< what schedule_* did, as text: "vectorize j 16", "unroll i 6"

  BufferId add_buffer(std::string buffer_name, BufferType type, Scope scope);
};

/// Is it in the form that a GPU runs: a grid loop around a block loop?
bool is_gpu_kernel(const Kernel& kernel);
/// Of such a kernel: how many iterations its grid loop has, and how many threads its block loop.
std::int64_t grid_extent(const Kernel& kernel);
std::int64_t block_extent(const Kernel& kernel);

/// Bytes of memory one run of the kernel needs for its buffers of scope shared: nested ones lie behind each
/// other, those of sequential Allocs share. A multiple of kAlignment.
std::int64_t scratch_bytes(const Kernel& kernel);
/// The room one shared buffer takes in it.
std::int64_t scratch_bytes(const BufferType& type);

/// How a reference moves in a loop: by `stride` bytes with every iteration of region `region`.
struct Slice {
  std::size_t region = 0;
  std::int64_t stride = 0;
  friend bool operator==(const Slice&, const Slice&) = default;
};

/// Where a buffer of the program lives: at the place, plus `offset`, plus counter * stride of each slice.
struct BufferRef {
  enum class Place : std::uint8_t { kParameter, kResult, kConstant, kArena };
  Place place = Place::kArena;
  std::int64_t position = 0;  ///< which parameter, result or constant; byte offset in the arena
  std::int64_t offset = 0;    ///< bytes into the parameter, result or constant; 0 in the arena
  std::vector<Slice> slices = {};
  friend bool operator==(const BufferRef&, const BufferRef&) = default;
};
std::string to_string(const BufferRef& ref);  ///< "param 2", "arena +640", "param 0 +96 -32*r1"

struct KernelCall {
  std::size_t kernel = 0;
  std::vector<BufferRef> arguments;
  /// Byte offset in the arena of the kernel's shared buffers (scratch_bytes of them); negative: none, or not
  /// yet placed.
  std::int64_t scratch = -1;
  /// Calls of one phase stand next to each other and touch nothing that another of them writes: workers may
  /// run them at once. Phases are numbered from 0 and run one after the other (plan_phases). A border of a
  /// region is one of phases, too.
  std::size_t phase = 0;
};

/// Calls [begin, end) of a program, at least one, that run several times or on a condition. Two regions are
/// nested or disjoint.
struct Region {
  enum class Kind : std::uint8_t {
    kLoop,    ///< `count` times; its counter, which slices refer to, runs over [0, count)
    kWhile,   ///< again and again, as long as `predicate`, a bool, holds before an iteration
    kBranch,  ///< once, if low <= `predicate`, an i32, <= high
  };
  Kind kind = Kind::kLoop;
  std::size_t begin = 0, end = 0;
  std::int64_t count = 1;
  BufferRef predicate = {};
  std::int32_t low = 0, high = 0;
};

/// Bytes [begin, end) of the arena that hold something from call `first` to call `last`; in a loop, in every
/// iteration anew. Scratch of those calls lies elsewhere.
struct ArenaTenant {
  std::int64_t begin = 0, end = 0;
  std::size_t first = 0, last = 0;
};

/// How a GPU runs a program (plan_launch). Either way every call is a kernel that runs its grid loop on as
/// many blocks as there are; what differs is who waits between the phases.
struct Launch {
  enum class Mode : std::uint8_t {
    kPersistent,  ///< one cooperative launch runs every call, with a barrier over the grid between phases
    kGraph,       ///< a kernel launch a call, as nodes of one CUDA graph; phases are its dependences
  };
  Mode mode = Mode::kGraph;
  std::int64_t blocks = 1;     ///< kPersistent: of the launch
  std::int64_t threads = 256;  ///< of each block, in every call
};
std::string_view to_string(Launch::Mode mode);

/// A whole compiled function below the graph: kernels (distinct ones once), the calls in order, and which of
/// them are in loops and branches.
struct Program {
  std::string name;
  std::vector<Kernel> kernels;
  std::vector<KernelCall> calls;
  std::vector<Region> regions;  ///< an outer one before those inside it, otherwise by `begin`
  std::vector<TensorType> parameter_types, result_types;
  std::vector<std::shared_ptr<const Literal>> constants;
  std::int64_t arena_bytes = 0;
  std::vector<ArenaTenant> tenants;  ///< what the memory plan keeps there, for plan_scratch
  std::optional<Launch> launch;      ///< of a program for a GPU
};

/// Text forms. `print` of a kernel is canonical: equal text means equal kernels (names of kernels apart).
std::string print(const Kernel& kernel);
std::string print(const Program& program);
std::string print(const Exprs& exprs, ExprId id, std::span<const Buffer> buffers);

/// Checks what the types above promise: variables in scope, offsets i64, dtypes alike, register buffers
/// indexed by unrolled and vector variables and constants only, arguments stored to exactly where `written`
/// says. Throws InternalError with the excerpt.
void verify(const Kernel& kernel);
void verify(const Program& program);

}  // namespace adze::loop
