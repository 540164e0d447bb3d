#include "storage/s3/s3_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <new>

#include "base/strings.h"
#include "net/url.h"
#include "storage/object_name.h"
#include "storage/s3/etag.h"
#include "storage/s3/xml.h"

namespace hadron::storage::s3 {
namespace {

constexpr int kPageKeys = 1000;

/// What a key is called in an answer: percent-encoded, with '+' for a space.
base::StatusOr<std::string> DecodeKey(std::string_view text, bool encoded) {
  if (!encoded) return std::string(text);
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  auto decoded = net::PercentDecode(spaced);
  if (!decoded) return base::Unavailable("the listing has a key that is not encoded as it says");
  return *std::move(decoded);
}

class MemoryTarget final : public FetchTarget {
 public:
  base::Status Begin(std::uint64_t size) override {
    try {
      bytes_ = std::make_shared_for_overwrite<std::byte[]>(size);
    } catch (const std::bad_alloc&) {
      return base::ResourceExhausted(fmt::format("no memory for the {} bytes of the object", size));
    }
    size_ = size;
    return {};
  }
  base::Status Write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    std::ranges::copy(bytes, bytes_.get() + offset);
    return {};
  }
  base::Status Read(std::uint64_t offset, std::span<std::byte> to) override {
    std::copy_n(bytes_.get() + offset, to.size(), to.begin());
    return {};
  }
  base::IoBuf Take() { return base::IoBuf::Wrap({bytes_.get(), size_}, bytes_); }

 private:
  std::shared_ptr<std::byte[]> bytes_;
  std::uint64_t size_ = 0;
};

/// Straight into the file that will be committed.

}  // namespace

/// One page of a listing, keys without the prefix that was asked for.
struct S3Store::Page {
  std::vector<Entry> entries;
  bool any = false;  ///< something has that prefix, the prefix itself included
  std::string next;  ///< "" = the last page

  /// Takes a key or a common prefix; other elements are nothing.
  base::Status Add(const XmlNode& node, const std::string& prefix, bool encoded) {
    const bool directory = node.name == "CommonPrefixes";
    if (!directory && node.name != "Contents") return {};
    HADRON_ASSIGN_OR_RETURN(std::string key,
                            DecodeKey(node.Text(directory ? "Prefix" : "Key"), encoded));
    if (!key.starts_with(prefix)) {
      return base::Unavailable("the listing has keys that were not asked for");
    }
    any = true;
    key.erase(0, prefix.size());
    if (directory && key.ends_with('/')) key.pop_back();
    // Markers of directories, hidden names, and what could not become a file.
    if (key.empty() || !CheckObjectName(key).ok()) return {};
    Entry entry{.name = std::move(key), .directory = directory, .tag = {}};
    if (!directory) {
      const auto size = base::ParseUint64(node.Text("Size"));
      if (!size) return base::Unavailable("the listing has a key without a size");
      entry.size = *size;
      entry.tag = BareEtag(node.Text("ETag"));
    }
    entries.push_back(std::move(entry));
    return {};
  }
};

std::string S3Store::KeyOf(std::string_view name) const {
  return JoinName(client_->location().prefix, name);
}

base::Status S3Store::CheckFileName(std::string_view name) const {
  HADRON_RETURN_IF_ERROR(CheckObjectName(name));
  return name.empty() ? base::InvalidArgument(fmt::format("'{}' is not an object", url()))
                      : base::OkStatus();
}

base::StatusOr<S3Store::Page> S3Store::ListPage(const std::string& prefix, const std::string& token,
                                                bool below, int max_keys) const {
  Operation operation;
  operation.query = {{"list-type", "2"},
                     {"prefix", prefix},
                     {"encoding-type", "url"},
                     {"max-keys", std::to_string(max_keys)}};
  if (!below) operation.query.emplace_back("delimiter", "/");
  if (!token.empty()) operation.query.emplace_back("continuation-token", token);
  HADRON_ASSIGN_OR_RETURN(const Answer answer, client_->Call(operation));
  const auto root = ParseXml(answer.body);
  if (!root.ok() || root->name != "ListBucketResult") {
    return base::Unavailable(fmt::format(
        "what answers is no object store (content type '{}'); check the endpoint, and whether a "
        "proxy is in the way",
        base::EscapeControl(answer.headers.Find("Content-Type").value_or(""))));
  }
  Page page;
  for (const XmlNode& node : root->children) {
    HADRON_RETURN_IF_ERROR(page.Add(node, prefix, root->Text("EncodingType") == "url"));
  }
  if (root->Text("IsTruncated") == "true") {
    page.next = root->Text("NextContinuationToken");
    if (page.next.empty() || page.next == token) {
      return base::Unavailable("the listing goes on but does not say where");
    }
  }
  return page;
}

base::StatusOr<std::vector<Entry>> S3Store::List(std::string_view directory) {
  return ListAll(directory, false);
}

base::StatusOr<std::vector<Entry>> S3Store::ListTree(std::string_view directory) {
  return ListAll(directory, true);
}

base::StatusOr<std::vector<Entry>> S3Store::ListAll(std::string_view directory, bool below) {
  HADRON_RETURN_IF_ERROR(CheckObjectName(directory));
  const std::string key = KeyOf(directory);
  const std::string prefix = key.empty() ? "" : key + "/";
  std::map<std::string, Entry, std::less<>> found;
  std::string token;
  bool any = false;
  do {
    auto page = ListPage(prefix, token, below, kPageKeys);
    if (!page.ok()) {
      return std::move(page).status().With(fmt::format("listing '{}' of {}", directory, url()));
    }
    any = any || page->any;
    for (Entry& entry : page->entries) {
      // A key may be called as a "directory" is; only one of them could be a file here.
      Entry& at = found[entry.name];
      if (!at.directory) at = std::move(entry);
    }
    if (found.size() > kMaxEntries) {
      return base::ResourceExhausted(
          fmt::format("'{}' of {} has more than {} entries", directory, url(), kMaxEntries));
    }
    token = std::move(page->next);
  } while (!token.empty());
  if (!any && !directory.empty()) {
    return base::NotFound(fmt::format("'{}' of {} does not exist", directory, url()));
  }
  std::vector<Entry> entries;
  for (auto& [name, entry] : found) entries.push_back(std::move(entry));
  return entries;
}

base::StatusOr<bool> S3Store::HasKeys(const std::string& prefix) const {
  HADRON_ASSIGN_OR_RETURN(const Page page, ListPage(prefix, "", true, 1));
  return page.any;
}

base::StatusOr<Entry> S3Store::Stat(std::string_view name) {
  HADRON_RETURN_IF_ERROR(CheckObjectName(name));
  const std::string_view last = name.substr(name.rfind('/') + 1);
  Entry entry{.name = std::string(last), .directory = true, .tag = {}};
  if (name.empty()) return entry;
  Operation operation;
  operation.method = "HEAD";
  operation.key = KeyOf(name);
  auto answer = client_->Call(operation);
  if (answer.code() == base::StatusCode::kNotFound) {
    HADRON_ASSIGN_OR_RETURN(const bool directory, HasKeys(operation.key + "/"));
    if (directory) return entry;
    return base::NotFound(fmt::format("'{}' of {} does not exist", name, url()));
  }
  if (!answer.ok()) {
    if (answer.code() == base::StatusCode::kUnavailable) return std::move(answer).status();
    // Answers to HEAD have no text that says what is wrong; those to GET do.
    operation.method = "GET";
    operation.headers = {{"Range", "bytes=0-0"}};
    HADRON_ASSIGN_OR_RETURN(const Answer ignored, client_->Call(operation));
    return std::move(answer).status();
  }
  const auto size = base::ParseUint64(answer->headers.Find("Content-Length").value_or(""));
  if (!size) {
    return base::Unavailable(fmt::format("'{}' of {}: the answer has no length", name, url()));
  }
  entry.directory = false;
  entry.size = *size;
  entry.tag = BareEtag(answer->headers.Find("ETag").value_or(""));
  return entry;
}

base::StatusOr<base::IoBuf> S3Store::Fetch(std::string_view name, const FetchOptions& options) {
  HADRON_RETURN_IF_ERROR(CheckFileName(name));
  MemoryTarget target;
  HADRON_RETURN_IF_ERROR(Download(*client_, KeyOf(name), options, options_, target));
  return target.Take();
}

base::Status S3Store::FetchInto(std::string_view name, FetchTarget& target,
                                const FetchOptions& options) {
  HADRON_RETURN_IF_ERROR(CheckFileName(name));
  return Download(*client_, KeyOf(name), options, options_, target);
}

}  // namespace hadron::storage::s3
