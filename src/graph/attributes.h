#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graph/constant.h"

namespace hadron::graph {

class Graph;

/// Types an attribute can have; the order is that of AttributeValue.
enum class AttributeType : std::uint8_t {
  kInt,
  kFloat,
  kString,
  kInts,
  kFloats,
  kStrings,
  kTensor,
  kGraph,
  kOther,
};

/// An attribute of a kind that no implemented operator takes (sparse tensors, type protos, lists
/// of tensors or graphs); kept so that the error can name it.
struct OtherAttribute {
  std::string kind;
};

using AttributeValue = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>,
                                    std::vector<float>, std::vector<std::string>, ConstantRef,
                                    std::shared_ptr<const Graph>, OtherAttribute>;

AttributeType TypeOf(const AttributeValue& value);
std::string_view AttributeTypeName(AttributeType type);

/// Attributes of a node by name. The getters expect what the loader has checked against the
/// operator's schema: present ones have the right type. A value type.
class Attributes {
 public:
  bool Has(std::string_view name) const { return values_.find(name) != values_.end(); }
  const AttributeValue* Find(std::string_view name) const;
  void Set(std::string name, AttributeValue value);
  void Erase(std::string_view name);
  const std::map<std::string, AttributeValue, std::less<>>& all() const { return values_; }

  std::int64_t Int(std::string_view name, std::int64_t missing) const;
  float Float(std::string_view name, float missing) const;
  std::string String(std::string_view name, std::string missing) const;
  std::vector<std::int64_t> Ints(std::string_view name,
                                 std::vector<std::int64_t> missing = {}) const;
  std::vector<float> Floats(std::string_view name, std::vector<float> missing = {}) const;
  std::vector<std::string> Strings(std::string_view name) const;
  /// Null when missing.
  ConstantRef Tensor(std::string_view name) const;

 private:
  template <typename T>
  T Get(std::string_view name, T missing) const;

  std::map<std::string, AttributeValue, std::less<>> values_;
};

}  // namespace hadron::graph
