#include "cli/push/push.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

#include "base/sha256.h"
#include "base/strings.h"
#include "storage/atomic_file.h"

namespace hadron::cli::push {
namespace {

using base::Status;
using base::StatusOr;

/// One object to be sent.
struct Step {
  std::string name;  ///< in the repository
  const SourceFile* file = nullptr;
  std::string text{};  ///< where there is no file
  bool makes_version = false;

  std::uint64_t bytes() const { return file == nullptr ? text.size() : file->size; }
};

std::string HashOf(std::string_view text) {
  return base::ToHex(base::Sha256::Of(std::as_bytes(std::span(text))));
}

class Pusher {
 public:
  Pusher(const Source& source, Place& place, Progress& progress,
         const std::atomic<bool>* interrupted)
      : source_(source), place_(place), progress_(progress), interrupted_(interrupted) {}

  StatusOr<Outcome> Run(const std::string& as_version) {
    HADRON_RETURN_IF_ERROR(LookAround());
    HADRON_ASSIGN_OR_RETURN(const auto numbers, Numbers(as_version));
    HADRON_RETURN_IF_ERROR(Plan(numbers));
    Status sent = Send();
    progress_.End();
    HADRON_RETURN_IF_ERROR(std::move(sent));
    return outcome_;
  }

 private:
  std::string NameOf(std::uint64_t version, const std::string& file) const {
    return fmt::format("{}/{}/{}", source_.name, version, file);
  }

  /// What the repository has of this model.
  Status LookAround() {
    auto entries = place_.store->ListTree(source_.name);
    if (entries.code() == base::StatusCode::kNotFound) return {};
    if (!entries.ok()) return std::move(entries).status();
    for (const storage::Entry& entry : *entries) {
      there_[source_.name + "/" + entry.name] = entry.size;
      const std::size_t slash = entry.name.find('/');
      const auto number = base::ParseUint64(entry.name.substr(0, slash));
      if (slash != std::string::npos && number) highest_ = std::max(highest_, *number);
    }
    return {};
  }

  StatusOr<bool> IsThere(const std::string& name, std::uint64_t size, std::string_view sha256) {
    const auto at = there_.find(name);
    if (at == there_.end() || at->second != size) return false;
    HADRON_ASSIGN_OR_RETURN(const auto sum, place_.writer->Sha256Of(name));
    return sum == sha256;
  }

  /// Whether everything that the repository has of that number is of this version.
  StatusOr<bool> Fits(const SourceVersion& version, std::uint64_t number) {
    for (const SourceFile* file : FilesOf(version)) {
      const std::string name = NameOf(number, file->name);
      if (!there_.contains(name)) continue;
      HADRON_ASSIGN_OR_RETURN(const bool same, IsThere(name, file->size, file->sha256));
      if (!same) return false;
    }
    return true;
  }

  static std::vector<const SourceFile*> FilesOf(const SourceVersion& version) {
    std::vector<const SourceFile*> files;
    for (const SourceFile& file : version.files) files.push_back(&file);
    files.push_back(&version.model);
    return files;
  }

  /// What the versions are called there, in their order.
  StatusOr<std::vector<std::uint64_t>> Numbers(const std::string& as_version) {
    std::vector<std::uint64_t> numbers;
    for (const SourceVersion& version : source_.versions) numbers.push_back(version.number);
    if (as_version.empty()) return numbers;
    if (numbers.size() > 1) {
      return base::InvalidArgument(
          fmt::format("--as-version={}: the model has {} versions; only one can be renamed",
                      as_version, numbers.size()));
    }
    if (as_version != "next") {
      numbers[0] = base::ParseUint64(as_version).value_or(0);
      if (numbers[0] > 0) return numbers;
      return base::InvalidArgument(
          fmt::format("--as-version={}: expected a number from 1, or next", as_version));
    }
    // The highest one may be this version, whole or begun.
    HADRON_ASSIGN_OR_RETURN(const bool same,
                            highest_ > 0 ? Fits(source_.versions[0], highest_) : false);
    numbers[0] = same ? highest_ : highest_ + 1;
    return numbers;
  }

  Status CheckUnchanged(const SourceVersion& version, std::uint64_t number) {
    if (!there_.contains(NameOf(number, version.model.name))) return {};
    HADRON_ASSIGN_OR_RETURN(const bool fits, Fits(version, number));
    if (fits) return {};
    return base::AlreadyExists(fmt::format(
        "version {} of '{}' is in {} already and has another content; servers may be using it: "
        "push the new one as another version (--as-version next)",
        number, source_.name, place_.store->url()));
  }

  Status Add(Step step, std::string_view sha256) {
    HADRON_ASSIGN_OR_RETURN(const bool same, IsThere(step.name, step.bytes(), sha256));
    if (same) {
      ++outcome_.kept;
    } else {
      steps_.push_back(std::move(step));
    }
    return {};
  }

  Status Plan(const std::vector<std::uint64_t>& numbers) {
    outcome_.versions = numbers;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      HADRON_RETURN_IF_ERROR(CheckUnchanged(source_.versions[i], numbers[i]));
    }
    // First what makes a version directory that has no model yet: servers wait for such ones.
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      for (const SourceFile& file : source_.versions[i].files) {
        HADRON_RETURN_IF_ERROR(Add({NameOf(numbers[i], file.name), &file}, file.sha256));
      }
    }
    for (const SourceFile& file : source_.files) {
      HADRON_RETURN_IF_ERROR(Add({source_.name + "/" + file.name, &file}, file.sha256));
    }
    for (const SourceFile& file : source_.config) {
      HADRON_RETURN_IF_ERROR(Add({source_.name + "/" + file.name, &file}, file.sha256));
      // It waits for the first model's file, see Send.
      if (!steps_.empty() && steps_.back().file == &file) {
        config_ = std::move(steps_.back());
        steps_.pop_back();
      }
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const SourceVersion& version = source_.versions[i];
      HADRON_RETURN_IF_ERROR(Add({NameOf(numbers[i], version.model.name), &version.model, {}, true},
                                 version.model.sha256));
      HADRON_RETURN_IF_ERROR(
          Add({NameOf(numbers[i], "SHA256SUMS"), nullptr, version.sums}, HashOf(version.sums)));
    }
    return {};
  }

  Status Send() {
    std::uint64_t total = config_ ? config_->bytes() : 0;
    for (const Step& step : steps_) total += step.bytes();
    progress_.Begin(total);
    for (const Step& step : steps_) {
      storage::PutOptions options;
      // A model's file makes a version of what lies there, so the configuration comes first, yet
      // not before all the bytes have gone: a configuration without a model is a model that fails.
      if (step.makes_version) options.before_visible = [this] { return SendConfig(); };
      HADRON_RETURN_IF_ERROR(Put(step, std::move(options)));
    }
    return SendConfig();
  }

  Status SendConfig() {
    if (!config_) return {};
    const Step step = *std::exchange(config_, std::nullopt);
    return Put(step, {});
  }

  Status Put(const Step& step, storage::PutOptions options) {
    if (Interrupted()) return base::Cancelled("the push was interrupted");
    options.progress = [&](std::uint64_t done, std::uint64_t) {
      progress_.Show(step.name, done);
      return !Interrupted();
    };
    Status put = step.file == nullptr
                     ? place_.writer->Put(step.name, base::IoBuf::FromString(step.text))
                     : PutFile(step, options);
    if (!put.ok()) return std::move(put).With(fmt::format("'{}'", step.name));
    ++outcome_.sent;
    outcome_.sent_bytes += step.bytes();
    progress_.Sent(step.name, step.bytes());
    return {};
  }

  Status PutFile(const Step& step, const storage::PutOptions& options) {
    const std::string directory = step.name.substr(0, step.name.rfind('/'));
    // What an earlier push left that was killed.
    if (const auto local = place_.store->LocalPath(directory)) storage::RemoveStaleParts(*local);
    return place_.writer->PutFile(step.name, step.file->path, options);
  }

  bool Interrupted() const { return interrupted_ != nullptr && interrupted_->load(); }

  const Source& source_;
  Place& place_;
  Progress& progress_;
  const std::atomic<bool>* const interrupted_;
  std::map<std::string, std::uint64_t, std::less<>> there_;  ///< sizes by name
  std::uint64_t highest_ = 0;                                ///< version there
  std::deque<Step> steps_;
  std::optional<Step> config_;  ///< to be sent
  Outcome outcome_;
};

}  // namespace

StatusOr<Outcome> Push(const Source& source, const std::string& as_version, Place& place,
                       Progress& progress, const std::atomic<bool>* interrupted) {
  return Pusher(source, place, progress, interrupted).Run(as_version);
}

}  // namespace hadron::cli::push
