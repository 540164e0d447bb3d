#include "storage/s3/xml.h"

#include <expat.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <type_traits>

namespace hadron::storage::s3 {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxElements = 200'000;

/// What expat's callbacks fill.
struct Builder {
  XML_Parser parser = nullptr;
  XmlNode root;  ///< its only child is the document's root
  std::vector<XmlNode*> open{&root};
  std::size_t elements = 0;

  static Builder& Of(void* user) { return *static_cast<Builder*>(user); }

  static void Start(void* user, const XML_Char* name, const XML_Char**) {
    Builder& self = Of(user);
    if (++self.elements > kMaxElements || self.open.size() > kMaxDepth) {
      XML_StopParser(self.parser, XML_FALSE);
      return;
    }
    const std::string_view full = name;
    XmlNode node;
    node.name = full.substr(full.find(':') == std::string_view::npos ? 0 : full.find(':') + 1);
    std::vector<XmlNode>& siblings = self.open.back()->children;
    siblings.push_back(std::move(node));
    self.open.push_back(&siblings.back());  // stays: only the innermost open element grows
  }
  static void End(void* user, const XML_Char*) { Of(user).open.pop_back(); }
  static void Text(void* user, const XML_Char* text, int size) {
    Of(user).open.back()->text.append(text, static_cast<std::size_t>(size));
  }
  static void DocumentType(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    XML_StopParser(Of(user).parser, XML_FALSE);
  }
};

}  // namespace

const XmlNode* XmlNode::Find(std::string_view child) const {
  const auto found = std::ranges::find(children, child, &XmlNode::name);
  return found == children.end() ? nullptr : &*found;
}

std::string_view XmlNode::Text(std::string_view child) const {
  const XmlNode* found = Find(child);
  return found == nullptr ? std::string_view() : found->text;
}

base::StatusOr<XmlNode> ParseXml(std::string_view document) {
  struct Free {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
  };
  const std::unique_ptr<std::remove_pointer_t<XML_Parser>, Free> parser(XML_ParserCreate("UTF-8"));
  if (parser == nullptr) return base::ResourceExhausted("no memory for an XML parser");
  Builder builder;
  builder.parser = parser.get();
  XML_SetUserData(parser.get(), &builder);
  XML_SetElementHandler(parser.get(), Builder::Start, Builder::End);
  XML_SetCharacterDataHandler(parser.get(), Builder::Text);
  XML_SetStartDoctypeDeclHandler(parser.get(), Builder::DocumentType);
  const auto size = static_cast<int>(std::min<std::size_t>(document.size(), INT32_MAX));
  if (XML_Parse(parser.get(), document.data(), size, XML_TRUE) != XML_STATUS_OK) {
    return base::InvalidArgument(fmt::format("not the XML that was expected: {} in line {}",
                                             XML_ErrorString(XML_GetErrorCode(parser.get())),
                                             XML_GetCurrentLineNumber(parser.get())));
  }
  return std::move(builder.root.children.front());
}

std::string XmlEscape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace hadron::storage::s3
