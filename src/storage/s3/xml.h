#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hadron::storage::s3 {

/// An element of an answer. A value.
struct XmlNode {
  std::string name;  ///< without namespace prefix
  std::string text;
  std::vector<XmlNode> children;

  /// Null when there is none.
  const XmlNode* Find(std::string_view child) const;
  /// "" when there is none.
  std::string_view Text(std::string_view child) const;
};

/// The root of a document. INVALID_ARGUMENT: not well-formed, with a document type, too deep, or
/// with more elements than any answer has.
base::StatusOr<XmlNode> ParseXml(std::string_view document);

/// Text with the five characters escaped that an element may not hold.
std::string XmlEscape(std::string_view text);

}  // namespace hadron::storage::s3
