#include "graph/attributes.h"

#include <array>

namespace hadron::graph {

AttributeType TypeOf(const AttributeValue& value) {
  return static_cast<AttributeType>(value.index());
}

std::string_view AttributeTypeName(AttributeType type) {
  static constexpr std::array<std::string_view, 9> kNames = {
      "INT", "FLOAT", "STRING", "INTS", "FLOATS", "STRINGS", "TENSOR", "GRAPH", "OTHER"};
  return kNames[static_cast<std::size_t>(type)];
}

const AttributeValue* Attributes::Find(std::string_view name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? nullptr : &it->second;
}

void Attributes::Set(std::string name, AttributeValue value) {
  values_.insert_or_assign(std::move(name), std::move(value));
}

void Attributes::Erase(std::string_view name) {
  const auto it = values_.find(name);
  if (it != values_.end()) values_.erase(it);
}

template <typename T>
T Attributes::Get(std::string_view name, T missing) const {
  const AttributeValue* value = Find(name);
  if (value == nullptr) return missing;
  const T* typed = std::get_if<T>(value);
  return typed == nullptr ? missing : *typed;
}

std::int64_t Attributes::Int(std::string_view name, std::int64_t missing) const {
  return Get<std::int64_t>(name, missing);
}
float Attributes::Float(std::string_view name, float missing) const {
  return Get<float>(name, missing);
}
std::string Attributes::String(std::string_view name, std::string missing) const {
  return Get<std::string>(name, std::move(missing));
}
std::vector<std::int64_t> Attributes::Ints(std::string_view name,
                                           std::vector<std::int64_t> missing) const {
  return Get<std::vector<std::int64_t>>(name, std::move(missing));
}
std::vector<float> Attributes::Floats(std::string_view name, std::vector<float> missing) const {
  return Get<std::vector<float>>(name, std::move(missing));
}
std::vector<std::string> Attributes::Strings(std::string_view name) const {
  return Get<std::vector<std::string>>(name, {});
}
ConstantRef Attributes::Tensor(std::string_view name) const {
  return Get<ConstantRef>(name, nullptr);
}

}  // namespace hadron::graph
