#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "ir/lexer.h"
#include "ir/number_text.h"
#include "ir/op.h"
#include "ir/text.h"

namespace adze {
namespace {

/// Constants up to this many elements are written as numbers, larger ones as the bytes in hexadecimal.
constexpr std::int64_t kMostListedElements = 64;

class Printer {
 public:
  explicit Printer(const PrintOptions& options) : options_(options) {}

  void function(const Graph& graph, const std::string& indent);
  std::string take() { return std::move(out_); }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }
  template <class Range, class Item>
  void separated(const Range& range, Item item) {
    bool first = true;
    for (const auto& element : range) {
      if (!first) out_ += ", ";
      first = false;
      item(element);
    }
  }

  void node(const Graph& graph, const Node& node, const std::string& indent);
  void attributes(const OpDef& op, const Attrs& attrs, const std::string& indent);
  void attribute(const AttrValue& value, const std::string& indent);
  void literal(const Literal& literal);
  void location(const Location& location);

  const PrintOptions& options_;
  std::string out_;
};

void Printer::function(const Graph& graph, const std::string& indent) {
  const std::string name = is_plain_name(graph.name()) ? graph.name() : quote(graph.name());
  put("func @{}(", name);
  separated(graph.parameters(), [&](const Parameter& parameter) {
    put("%{}: {}", parameter.value.index, to_string(graph.type(parameter.value)));
    if (!parameter.name.empty()) put(" {}", quote(parameter.name));
  });
  out_ += ") -> ";
  const bool one_result = graph.results().size() == 1;
  if (!one_result) out_ += '(';
  separated(graph.results(), [&](ValueId id) { out_ += to_string(graph.type(id)); });
  out_ += one_result ? " {\n" : ") {\n";
  for (const Node& each : graph.nodes()) node(graph, each, indent + "  ");
  put("{}  return{}", indent, graph.results().empty() ? "" : " ");
  separated(graph.results(), [&](ValueId id) { put("%{}", id.index); });
  put("\n{}}}", indent);
}

void Printer::node(const Graph& graph, const Node& node, const std::string& indent) {
  const std::size_t line_start = out_.size();
  out_ += indent;
  for (std::uint32_t i = 0; i < node.result_count; ++i) {
    put("{}%{}", i == 0 ? "" : ", ", node.result_at(i).index);
  }
  put(" = {}", node.op->name);
  if (!node.operands.empty()) out_ += ' ';
  separated(node.operands, [&](ValueId id) { put("%{}", id.index); });
  attributes(*node.op, node.attrs, indent);
  out_ += " : ";
  for (std::uint32_t i = 0; i < node.result_count; ++i) {
    put("{}{}", i == 0 ? "" : ", ", to_string(graph.type(node.result_at(i))));
  }
  if (options_.locations && node.location.known()) {
    constexpr std::size_t kLocationColumn = 72;
    const std::size_t width = out_.size() - line_start;
    out_.append(width < kLocationColumn ? kLocationColumn - width : 2, ' ');
    location(node.location);
  }
  out_ += '\n';
}

void Printer::location(const Location& location) {
  put("// {}{}{}", to_string(location), *location.label ? " " : "", location.label);
}

/// Those that have their default value are left out: the builder fills them in again.
void Printer::attributes(const OpDef& op, const Attrs& attrs, const std::string& indent) {
  bool first = true;
  for (const auto& [name, value] : attrs) {
    const auto spec = std::find_if(op.attrs.begin(), op.attrs.end(),
                                   [&, &key = name](const AttrSpec& each) { return each.name == key; });
    if (spec != op.attrs.end() && spec->default_value && equal(*spec->default_value, value)) continue;
    put("{}{} = ", first ? " {" : ", ", name);
    attribute(value, indent);
    first = false;
  }
  if (!first) out_ += '}';
}

void Printer::attribute(const AttrValue& value, const std::string& indent) {
  struct Visitor {
    Printer& p;
    const std::string& indent;
    void operator()(std::int64_t x) const { p.put("{}", x); }
    void operator()(double x) const {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &x, sizeof bits);
      const std::string text = format_number(DType::kF64, bits);
      // A bare "2" would read back as an integer.
      const bool is_bare = text.find_first_not_of("-0123456789") == std::string::npos;
      p.put("{}{}", text, is_bare ? ".0" : "");
    }
    void operator()(bool x) const { p.put("{}", x); }
    void operator()(DType x) const { p.put("{}", to_string(x)); }
    void operator()(const Dims& x) const { p.out_ += to_string(x); }
    void operator()(const DimPair& x) const { p.put("{} x {}", to_string(x.lhs), to_string(x.rhs)); }
    void operator()(const std::string& x) const { p.out_ += quote(x); }
    void operator()(const ConstantRef& x) const { p.literal(*x); }
    void operator()(const GraphRef& x) const { p.function(*x, indent); }
    void operator()(const GraphList& x) const {
      p.out_ += '[';
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (i > 0) p.out_ += ", ";
        p.function(*x[i], indent);
      }
      p.out_ += ']';
    }
  };
  std::visit(Visitor{*this, indent}, value);
}

void Printer::literal(const Literal& literal) {
  const Dims& shape = literal.type().shape;
  put("{} ", to_string(literal.type()));
  if (literal.size() == 0) {
    out_ += "[]";
  } else if (literal.size() > kMostListedElements) {
    put("hex \"{}\"", to_hex(literal));
  } else {
    for (std::int64_t i = 0; i < literal.size(); ++i) {
      if (i > 0) out_ += ", ";
      // A bracket opens or closes for every trailing dim whose block begins or ends here.
      std::int64_t block = 1;
      std::size_t closing = 0;
      for (std::size_t dim = shape.size(); dim-- > 0;) {
        block *= shape[dim];
        if (i % block == 0) out_ += '[';
        if ((i + 1) % block == 0) ++closing;
      }
      out_ += format_number(literal.type().dtype, element_bits(literal, i));
      out_.append(closing, ']');
    }
  }
}

}  // namespace

std::string print(const Graph& graph, const PrintOptions& options) {
  Printer printer(options);
  printer.function(graph, "");
  return printer.take() + "\n";
}

std::string describe(const Graph& graph, ValueId value) {
  if (!value) return "no value";
  if (value.index >= graph.values().size()) return fmt::format("%{} (no such value)", value.index);
  std::string out = fmt::format("%{} {}", value.index, to_string(graph.type(value)));
  const Node* node = graph.producer(value);
  Location location;
  if (node) {
    location = node->location;
    out += fmt::format(" {}", *location.label ? std::string_view(location.label) : node->op->name);
  } else {
    const Parameter& parameter = graph.parameters()[graph.value(value).position];
    location = parameter.location;
    out += parameter.name.empty() ? fmt::format(" parameter {}", graph.value(value).position)
                                  : " " + parameter.name;
  }
  if (location.known()) out += " " + to_string(location);
  return out;
}

}  // namespace adze
