#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/catalogue.h"

/// What both protocols say about the server as a whole, and their common texts.
namespace hadron::protocol {

/// What new work is answered once the drain has begun to refuse (UNAVAILABLE).
inline constexpr std::string_view kServerExiting = "Server exiting";

/// Name, version and life of the server. The wiring owns it and moves it forward; frontends read.
/// Legal transitions: serving -> draining (not ready, still answering) -> exiting (new work is
/// refused). Thread-safe.
class ServerState {
 public:
  struct Info {
    std::string name = "hadron";
    std::string version;
    std::vector<std::string> extensions;
  };

  ServerState(Info info, bool strict_readiness)
      : info_(std::move(info)), strict_readiness_(strict_readiness) {}

  const Info& info() const { return info_; }
  void BeginDrain() { draining_.store(true); }
  void BeginExit() { exiting_.store(true); }
  bool draining() const { return draining_.load(); }
  bool exiting() const { return exiting_.load(); }
  /// Readiness: the start-up loads have ended, nothing drains and, under strict readiness, all
  /// versions the server was asked to serve are READY.
  bool Ready(const model::Catalogue& catalogue) const;
  /// UNAVAILABLE "Server exiting" once the drain refuses, else OK.
  base::Status CheckServing() const;
  /// How often CheckServing has refused: while it grows, there are clients that have not gone.
  std::uint64_t refusals() const { return refusals_.load(); }

  /// The extensions this build implements, for Info.
  static std::vector<std::string> ImplementedExtensions();

 private:
  const Info info_;
  const bool strict_readiness_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> exiting_{false};
  mutable std::atomic<std::uint64_t> refusals_{0};
};

/// One row of the repository index.
struct IndexEntry {
  std::string name;
  std::string version;  ///< empty when nothing of the model was ever loaded
  std::string state;    ///< empty likewise
  std::string reason;
};

/// The index, sorted by name, then version; only READY versions when `ready_only`.
std::vector<IndexEntry> RepositoryIndex(const model::Catalogue& catalogue, bool ready_only);

/// Versions of a model that answer, ascending.
std::vector<std::int64_t> ReadyVersions(const model::ModelEntry& model);

/// A READY version whose statistics are wanted.
struct StatisticsTarget {
  std::string name;
  std::int64_t version = 0;
  model::ModelHandle handle;  ///< null where it is not loaded
  /// Null where nothing has been counted yet.
  std::shared_ptr<const model::VersionHistory> history;

  model::StatisticsSnapshot Read() const;
};

/// READY versions to report statistics of: all models (empty name), one model, or one version.
/// NOT_FOUND "requested model '<m>' is not available", "requested model version is not available
/// for model '<m>'".
base::StatusOr<std::vector<StatisticsTarget>> StatisticsTargets(
    const model::Catalogue& catalogue, std::string_view name, std::optional<std::int64_t> version);

/// `platform` as metadata shows it: the configuration's, or its backend where that is empty.
std::string PlatformOf(const model::ModelVersion& version);

/// A version number in a request: decimal digits that fit int64; empty = the newest. `message` is
/// the failure's text (INVALID_ARGUMENT).
base::StatusOr<std::optional<std::int64_t>> ParseVersion(std::string_view text,
                                                         std::string_view message);

}  // namespace hadron::protocol
