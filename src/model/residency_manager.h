#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/status.h"
#include "base/sync.h"
#include "base/unique_function.h"
#include "device/device.h"
#include "model/eviction_policy.h"
#include "model/model_version.h"
#include "model/reload_policy.h"
#include "model/resident_limit.h"
#include "model/restore_times.h"
#include "model/weight_store.h"
#include "plan/weight_image.h"

namespace hadron::model {

class EarlyWeights;

/// Who is on the device. A version that has been admitted is compiled: its packed weights are in
/// host memory. It becomes resident when somebody wants it: a place is found for its weights,
/// others are evicted for it if need be, and they are uploaded through a stream of their own; runs
/// may start at once, each kernel waits for what it reads. One restore at a time, chosen by whose
/// turn it is (OrderRestores). Eviction drops the device's copy only; the host's stays, so coming
/// back is a copy and no work. A payer with a limit makes room within it: what is brought for him
/// has his own models leave, or waits for them (resident_limit.h).
///
/// Where the device shares the host's memory both copies are one: every admitted version is
/// resident and nothing is ever evicted here.
///
/// Owner: the server's wiring; outlives every version it has admitted. Methods are thread-safe; the
/// decisions are taken on the control thread.
class ResidencyManager {
 public:
  struct Options {
    const EvictionPolicy* policy = FindEvictionPolicy("cost-lru");
    WeightStore::Options store;
    std::vector<std::string> pinned;  ///< models that are never evicted
    base::Duration restore_timeout = std::chrono::seconds(30);
    /// Weights that nobody has used for so long leave the device; 0: they stay until others need
    /// the room.
    base::Duration idle_evict{0};
  };
  struct Dependencies {
    device::Device* device = nullptr;
    base::Executor* control = nullptr;
    base::Executor* copies = nullptr;  ///< plays or serves the stream of the uploads
    const base::Clock* clock = nullptr;
    /// Runs a task on the control thread, not before the time. Only for idle_evict.
    std::function<void(base::TimePoint, base::Task)> post_at = {};
  };
  /// Somebody's requests wait for a version.
  struct Claim {
    const Residence* residence = nullptr;
    std::size_t turn = 0;    ///< of who waits, among all who have work: 0 is next
    base::TimePoint oldest;  ///< of the requests
    Payer payer = nullptr;
    std::uint64_t most_bytes = 0;  ///< that the payer may have on the device; 0: any number
  };
  /// Told, and asked, on the control thread.
  class Observer {
   public:
    virtual ~Observer() = default;
    /// Who waits for versions now. Nothing: nobody knows, and all that is wanted is alike.
    virtual std::optional<std::vector<Claim>> Claims() { return std::nullopt; }
    /// Bringing a version onto the device took so long, for the sake of this one.
    virtual void OnRestored(Payer /*payer*/, double /*seconds*/) {}
    /// Something that was wanted may be pinned now.
    virtual void OnResident() = 0;
    /// Launch state that holds these weights has to go; until then their memory is not free.
    virtual void OnEvicted(std::shared_ptr<const plan::WeightBinding> weights) = 0;
    /// What lanes hold beyond what runs is in the way of weights that fit nowhere else.
    virtual void OnMemoryShort() = 0;
    /// What TakeSpare gave is wanted by others.
    virtual void OnSpareWanted() = 0;
    /// The device does not take this version: what waits for it waits in vain.
    virtual void OnRefused(const Residence* residence, const base::Status& status) = 0;
  };
  ResidencyManager(Options options, Dependencies dependencies);
  ~ResidencyManager();

  /// Before the first version is admitted; null: nobody.
  void Watch(Observer* observer) { observer_ = observer; }

  /// For a version that is about to be packed; see EarlyWeights.
  std::shared_ptr<EarlyWeights> Expect() { return std::make_shared<EarlyWeights>(*this); }

  /// A version that comes in.
  struct Admission {
    std::string model;
    std::shared_ptr<const plan::WeightImage> image;
    std::shared_ptr<telemetry::ModelMetrics> metrics;
    /// How much its earlier instances were in use.
    std::shared_ptr<VersionHistory> history = std::make_shared<VersionHistory>();
    std::optional<base::Duration> idle_evict = {};  ///< in place of that of the options
    const Residence* replaces = nullptr;  ///< what serves now in its place; alive during the call
    /// What becomes of that one where the device does not hold both.
    ReloadPolicy reload_policy = ReloadPolicy::kKeepOld;
    std::shared_ptr<EarlyWeights> early = {};  ///< what of it has been sent ahead
  };
  /// A version is compiled. RESOURCE_EXHAUSTED with both numbers when the device could not hold it
  /// even alone, beside what is pinned by configuration.
  ///
  /// One that replaces another never drives that one out, unless the policy says so: then the old
  /// one takes no new batches, finishes those it has and leaves; its requests wait until the new
  /// one's load has ended, and it is wanted again if that has failed.
  base::StatusOr<std::unique_ptr<Residence>> Admit(Admission admission);

  /// The version's bytes for a batch, if they are there or on their way.
  std::optional<ResidencyPin::Weights> TryPin(const ModelVersion& version);
  /// The version takes no more requests: its weights, if they are there, which are free when the
  /// caller and all launch state have let go of them.
  std::shared_ptr<const plan::WeightBinding> TakeDown(const ModelVersion& version);
  /// So many requests go into a batch: for who has to leave, and when.
  void CountUse(const ModelVersion& version, std::int64_t requests);
  /// Requests wait for a version that TryPin did not give, the oldest since then; or no more.
  void Want(const ModelVersion& version, std::optional<base::TimePoint> oldest);
  /// It has computed for somebody who may have so many bytes on the device (0: any number): who
  /// uses a version has it on his account. Above the limit others of his leave.
  void NoteUse(const ModelVersion& version, Payer payer, std::uint64_t most_bytes, double seconds);
  /// Bytes of the device's memory that the version takes of who has it brought, with nothing else
  /// of his there; 0 for one that somebody uses already.
  std::uint64_t BytesAlone(const ModelVersion& version) const;
  /// Whether the version was not brought for this one because of his limit.
  bool HeldBack(const ModelVersion& version, Payer payer) const;
  /// Bytes of the device's memory by the account that they are on.
  std::map<Payer, double> OnAccounts() const;
  /// Waits until all of the version is there (load threads only), at most the restore timeout.
  /// UNAVAILABLE when others did not leave in time; RESOURCE_EXHAUSTED, INTERNAL: what the device
  /// said.
  base::StatusOr<ResidencyPin> Obtain(const ModelHandle& version);
  /// A lane needs so many bytes in one piece before a batch of `by`, whose pin the caller holds,
  /// can run: others leave for it if need be. `done` runs on the control thread.
  /// RESOURCE_EXHAUSTED: nobody may leave; UNAVAILABLE: the server ends.
  using ArenaDone = base::UniqueFunction<void(base::StatusOr<plan::ArenaPlace>)>;
  void WantArena(const ModelVersion& by, std::uint64_t bytes, ArenaDone done);
  /// The same for a load that tries its model out (load threads only): blocks. Where nobody leaves
  /// and others wait as well, theirs comes first: UNAVAILABLE for memory's sake, see Yielded; the
  /// load lets go of its pin then and tries again.
  base::StatusOr<plan::ArenaPlace> ObtainArena(const ModelVersion& by, std::uint64_t bytes);
  static bool Yielded(const base::Status& status) {
    return status.code() == base::StatusCode::kUnavailable &&
           status.cause() == base::RefusalCause::kMemory;
  }
  /// Memory of the device that nobody uses or waits for, for what can be done without; none: there
  /// is none. It is asked for (OnSpareWanted), and waited for, before anybody leaves for others or
  /// is refused. One at a time counts, the one that was given last.
  std::optional<plan::ArenaPlace> TakeSpare(std::uint64_t bytes);
  /// It will not come back soon: nobody waits for it any more.
  void ForgetSpare();
  /// Ends all waiting, also in Obtain, now and from now on: who evicts and copies is about to stop.
  void Stop();

  /// Until all of a version is there: what earlier uploads took, less what one under way has done;
  /// 0 when it is there.
  double RestoreSeconds(const ModelVersion& version) const;
  /// Adds a version to what would leave host memory together, also when it must not: false, it is
  /// pinned. Ranges that several versions hold are added by each. Coming back is a load.
  bool AddHostPart(const ModelVersion& version, EvictionCandidate& candidate) const;
  const EvictionPolicy& policy() const { return *options_.policy; }
  /// Weights are in the host's memory alone: there is nothing here to evict.
  bool shares_host_memory() const { return deps_.device->info().host_unified; }
  base::Duration restore_timeout() const { return options_.restore_timeout; }

  /// What others may see of a version's weights.
  struct View {
    std::string model;
    bool resident = false;
    bool in_host_memory = false;  ///< resident where the host's copy is: both are one
    bool restoring = false;       ///< on its way; runs may have started
    bool waiting = false;         ///< wanted, and there is no room yet
    bool pinned = false;
    bool evictable = false;               ///< may leave now
    std::uint64_t resident_bytes = 0;     ///< on the device, what others share counted in full
    std::uint64_t shared_bytes = 0;       ///< of these, held by others, too
    std::uint64_t host_bytes = 0;         ///< packed, in host memory, what others share in full
    std::uint64_t host_shared_bytes = 0;  ///< of these, held by others, too
    /// The same, what others share divided among those who hold it.
    double resident_part = 0;
    double host_part = 0;
    double restore_seconds = 0;   ///< what bringing it back would take
    std::uint64_t last_used = 0;  ///< orders versions by use
  };
  using Picture = std::map<const Residence*, View>;
  /// All admitted versions at one moment. The keys are for comparing, never for following.
  Picture Look() const;
  /// A part of a slab that weights hold, once for each version that shares it.
  struct HeldRange {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    const Residence* holder = nullptr;  ///< for comparing with the keys of a Picture
  };
  struct Slab {
    std::uint64_t bytes = 0;
    std::vector<HeldRange> ranges;  ///< ascending
  };
  /// Who is where. What an evicted version still occupies is nobody's.
  std::vector<Slab> LookAtSlabs() const;
  /// What bringing a version onto the device would take now. Changes nothing.
  struct Forecast {
    std::uint64_t missing_bytes = 0;
    std::uint64_t free_bytes = 0;
    double restore_seconds = 0;
    std::vector<std::string> victims;  ///< models that would leave for it
    bool blocked = false;              ///< there is no room, and nobody may leave
  };
  Forecast Foresee(const ModelVersion& version) const;

  /// A model of a dry run.
  struct Wish {
    const ModelVersion* version = nullptr;  ///< null: not loaded
    std::uint64_t file_bytes = 0;           ///< of a version that is not
    std::optional<double> load_seconds{};   ///< of a version that is not, if that can be told
  };
  struct PlannedStep {
    enum class From : std::uint8_t { kDevice, kHost, kRepository };
    std::size_t wish = 0;
    From from = From::kDevice;
    std::uint64_t bytes = 0;          ///< of its weights; of a version that is not loaded: a guess
    std::uint64_t added_bytes = 0;    ///< on the device, beyond what those before it need
    std::uint64_t missing_bytes = 0;  ///< of these, not there now
    std::optional<double> seconds{};  ///< until it is there, alone
    bool fits = true;                 ///< beside those before it, and what is pinned
  };
  struct Outlook {
    std::uint64_t budget = 0;
    std::uint64_t capacity = 0;      ///< of that, for weights on the device
    std::uint64_t free_bytes = 0;    ///< of that, now
    std::vector<PlannedStep> steps;  ///< in the order in which they would come
    std::vector<std::string> victims;
    bool blocked = false;  ///< there is no room now, and nobody may leave
  };
  /// What bringing all of these onto the device would come to, who is wished for staying where it
  /// is: first who is there, then from host memory, the cheapest first, then the rest in the order
  /// given. Changes nothing.
  Outlook Foresee(std::span<const Wish> wishes) const;

  /// No version of the model is evicted any more, later ones included, until Unpin or restart.
  void Pin(const std::string& model) { SetPinned(model, true); }
  /// UNAVAILABLE for a model that the configuration pins.
  base::Status Unpin(const std::string& model);
  /// Takes the model's weights off the device. `done` runs on the control thread: UNAVAILABLE for a
  /// pinned or busy model, UNIMPLEMENTED where the device's memory is the host's. A model that is
  /// not there is none the worse.
  void Evict(std::string model, base::UniqueFunction<void(base::Status)> done);

  struct Totals {
    std::uint64_t slab_bytes = 0;  ///< taken from the device
    std::uint64_t used_bytes = 0;  ///< of these, by weights
    std::uint64_t restores = 0;
    std::uint64_t evictions = 0;
    std::uint64_t restored_bytes = 0;
    std::uint64_t moved_bytes = 0;  ///< on the device, to make room in one piece
  };
  Totals totals() const;

 private:
  friend class EarlyWeights;
  friend class Residence;
  using BindingRef = std::shared_ptr<const plan::WeightBinding>;
  using Waiter = std::promise<base::StatusOr<ResidencyPin::Weights>>;
  /// What is to be told and let go when the lock is no longer held.
  struct News {
    std::vector<BindingRef> evicted;
    std::vector<std::shared_ptr<EarlyWeights>> done_with;
    std::vector<std::pair<const Residence*, base::Status>> refused;
    std::vector<std::pair<std::shared_ptr<Waiter>, base::StatusOr<ResidencyPin::Weights>>> answers;
    std::vector<std::pair<ArenaDone, base::StatusOr<plan::ArenaPlace>>> arenas;
    std::vector<std::pair<Payer, double>> restored;  ///< seconds
    bool resident = false;
    bool memory_short = false;
    bool spare_wanted = false;
  };
  struct ArenaWant {
    const Residence* by = nullptr;
    std::uint64_t bytes = 0;
    const void* load = nullptr;  ///< which load asks: it yields to others; null: a batch
    ArenaDone done;
  };

  void PostPump();
  void Pump();
  // Whose turn it is, and within whose limit (residency_turns.cc).
  using Claims = std::optional<std::vector<Claim>>;
  Claims AskForClaims() const;
  std::vector<std::pair<Residence*, Claim>> Waiting(const Claims& claims) const
      HADRON_REQUIRES(mutex_);
  /// Who is brought next, for whom there is room within his limit; others are held back.
  Residence* ChooseNext(const Claims& claims, News& news) HADRON_REQUIRES(mutex_);
  bool KeepLimit(const Claim& claim, const Residence* next, News& news) HADRON_REQUIRES(mutex_);
  bool SomethingOfHisIsBusy(Payer payer) const HADRON_REQUIRES(mutex_);
  void KeepLimits(News& news) HADRON_REQUIRES(mutex_);
  /// The models on the device as this one's limit sees them; `owners`: whose they are.
  std::vector<AccountedModel> Accounted(Payer payer, const Residence* next,
                                        std::vector<Residence*>* owners) const
      HADRON_REQUIRES(mutex_);
  AccountedModel AccountedWith(const Residence& next) const HADRON_REQUIRES(mutex_);
  bool StartRestore(Residence& next, News& news) HADRON_REQUIRES(mutex_);
  bool MakeRoom(const Residence& next, bool somebody_leaves, News& news) HADRON_REQUIRES(mutex_);
  base::Status Publish(Residence& residence, WeightStore::Placement placement, News& news)
      HADRON_REQUIRES(mutex_);
  void Upload(Residence& residence, WeightStore::Placement& placement) HADRON_REQUIRES(mutex_);
  void Uploaded(BindingRef binding, const base::Status& status, base::TimePoint began,
                std::uint64_t bytes);
  /// It took since then to bring so many bytes.
  void CountRestore(Residence& residence, base::TimePoint began, std::uint64_t bytes, News& news)
      HADRON_REQUIRES(mutex_);
  /// Those who wait in Obtain are told, and given their pin at once: if they had to ask for it, the
  /// next restore could have thrown the version out before they do.
  void TakeWaiters(Residence& residence, const base::Status& status, News& news)
      HADRON_REQUIRES(mutex_);
  ResidencyPin::Weights PinNow(Residence& residence) HADRON_REQUIRES(mutex_);
  /// Of versions that are there, those who waited behind an arena.
  void PinWaiters(News& news) HADRON_REQUIRES(mutex_);
  /// Tells the metrics where the weights are.
  void Tally(const Residence& residence) const HADRON_REQUIRES(mutex_);
  void TallyGone(const Residence& residence) const HADRON_REQUIRES(mutex_);
  void SetPinned(const std::string& model, bool pinned);
  base::Status CheckUnpin(const std::string& model) const;
  bool IsPinned(const std::string& model) const HADRON_REQUIRES(mutex_);
  /// `beside`: that one not counted; may be null.
  std::uint64_t PinnedBytes(const Residence* beside) const HADRON_REQUIRES(mutex_);
  base::Status WhyNotEvictable(const Residence& residence) const HADRON_REQUIRES(mutex_);
  EvictionCandidate CandidateOf(const Residence& residence) const HADRON_REQUIRES(mutex_);
  /// `next`: for whom; null for a lane.
  std::vector<Residence*> ChooseVictims(std::uint64_t needed, const Residence* next,
                                        const std::set<const Residence*>& keep = {}) const
      HADRON_REQUIRES(mutex_);
  std::vector<PlannedStep> InOrder(std::span<const Wish> wishes) const HADRON_REQUIRES(mutex_);
  /// Has others leave, so that so many bytes are free; false when they may not.
  bool EvictFor(std::uint64_t missing, telemetry::EvictionCause cause, const Residence* next,
                News& news) HADRON_REQUIRES(mutex_);
  // Moving weights together (residency_moves.cc). False: nothing is won by it.
  bool StartMoves(std::vector<WeightStore::Move> moves, News& news) HADRON_REQUIRES(mutex_);
  void Rebind(Residence& residence, const std::vector<WeightStore::Move>& moves, News& news)
      HADRON_REQUIRES(mutex_);
  void Moved(const std::vector<BindingRef>& rebound, const base::Status& status);
  base::Status OpenCopies() HADRON_REQUIRES(mutex_);
  void Copy(const plan::WeightImage::Segment& segment, plan::SegmentPlace& place)
      HADRON_REQUIRES(mutex_);
  // Segments that are sent ahead of their image (residency_early.cc).
  std::optional<WeightStore::Claimed> ClaimAhead(EarlyWeights& early, std::uint32_t index,
                                                 const plan::WeightImage::Segment& segment)
      HADRON_REQUIRES(mutex_);
  void SendAhead(EarlyWeights& early) HADRON_REQUIRES(mutex_);
  void CameAhead(const std::weak_ptr<EarlyWeights>& expected, plan::SegmentPlace place,
                 std::uint64_t bytes, base::TimePoint began, const base::Status& status);
  /// Has everything that was sent ahead, but for `keep`, make room; false: there is nothing.
  bool CallBack(const EarlyWeights* keep) HADRON_REQUIRES(mutex_);
  void Bind(Residence& residence, std::vector<plan::SegmentPlace> places) HADRON_REQUIRES(mutex_);
  // What lanes need (residency_arena.cc).
  void PlaceArenas(News& news) HADRON_REQUIRES(mutex_);
  std::optional<base::StatusOr<plan::ArenaPlace>> TryArena(const ArenaWant& want, News& news)
      HADRON_REQUIRES(mutex_);
  std::set<const void*> RangesInUse() const HADRON_REQUIRES(mutex_);
  bool SomebodyElseEnds(const ArenaWant& want) const HADRON_REQUIRES(mutex_);
  void AddArenaWant(ArenaWant want);
  /// False: there is none.
  bool CallSpareBack(News& news) HADRON_REQUIRES(mutex_);
  /// Of all who hold what others wait for, a load goes back; false: there is none.
  bool HaveLoadYield(News& news) HADRON_REQUIRES(mutex_);
  /// `next`: for whom; null for no version.
  bool Evictable(const Residence& residence, const Residence* next = nullptr) const
      HADRON_REQUIRES(mutex_);
  BindingRef TakeDown(Residence& residence) HADRON_REQUIRES(mutex_);
  /// Has it leave, for others to be told.
  void SendAway(Residence& residence, telemetry::EvictionCause cause, News& news)
      HADRON_REQUIRES(mutex_);
  // Whom nobody uses (residency_idle.cc).
  void EvictIdle();
  void LookForIdleAt(std::optional<base::TimePoint> when) HADRON_REQUIRES(mutex_);
  bool SomebodyLeaves() HADRON_REQUIRES(mutex_);
  bool SomebodyIsBusy(const Residence& next) const HADRON_REQUIRES(mutex_);
  base::Status NoRoom(const Residence& residence) const HADRON_REQUIRES(mutex_);
  // A version that comes in place of another (residency_swap.cc).
  Residence* Replaced(const Residence* by) const HADRON_REQUIRES(mutex_);
  bool StaysFor(const Residence& residence, const Residence* next) const HADRON_REQUIRES(mutex_);
  bool HaveOldYield(const Residence& next, News& news) HADRON_REQUIRES(mutex_);
  bool OthersWillLeave(const Residence& next, News& news) HADRON_REQUIRES(mutex_);
  void EndYield(Residence& by, bool wanted_again) HADRON_REQUIRES(mutex_);
  void ForgetReplaced(const Residence& gone) HADRON_REQUIRES(mutex_);
  void Refuse(Residence& residence, const base::Status& status, News& news) HADRON_REQUIRES(mutex_);
  double CostOf(const Residence& residence) const HADRON_REQUIRES(mutex_);
  double FrequencyOf(const Residence& residence) const HADRON_REQUIRES(mutex_);
  void Unpin(Residence& residence);
  void Withdraw(Residence& residence);
  void Tell(News news);

  const Options options_;
  const Dependencies deps_;
  Observer* observer_ = nullptr;
  /// Somebody waits for memory: whoever gives some back says so.
  std::atomic<bool> starved_{false};
  /// Somebody waits for models of his own to leave: so does whoever ends a batch.
  std::atomic<bool> limits_wait_{false};
  std::atomic<bool> pump_posted_{false};
  WeightStore store_;
  mutable base::Mutex mutex_;
  std::unique_ptr<device::Stream> copies_ HADRON_GUARDED_BY(mutex_);
  std::set<Residence*> residences_ HADRON_GUARDED_BY(mutex_);
  std::set<EarlyWeights*> early_ HADRON_GUARDED_BY(mutex_);
  int ahead_in_flight_ HADRON_GUARDED_BY(mutex_) = 0;         ///< copies whose end pumps
  Residence* restoring_ HADRON_GUARDED_BY(mutex_) = nullptr;  ///< whose upload is under way
  /// One at a time, also when its version has gone meanwhile: nobody shares what has not arrived.
  bool uploading_ HADRON_GUARDED_BY(mutex_) = false;
  base::TimePoint upload_ends_ HADRON_GUARDED_BY(mutex_);  ///< expected
  /// By evicted binding: lives until all of its places have been given back.
  std::vector<std::weak_ptr<const void>> leaving_ HADRON_GUARDED_BY(mutex_);
  std::weak_ptr<const void> spare_ HADRON_GUARDED_BY(mutex_);
  std::deque<ArenaWant> arenas_wanted_ HADRON_GUARDED_BY(mutex_);
  bool stopped_ HADRON_GUARDED_BY(mutex_) = false;
  std::optional<base::TimePoint> idle_look_ HADRON_GUARDED_BY(mutex_);  ///< a task is posted for it
  std::set<std::string> pinned_by_call_ HADRON_GUARDED_BY(mutex_);
  /// Who has come above his limit by using what was there, and the limit.
  std::map<Payer, std::uint64_t> above_limit_ HADRON_GUARDED_BY(mutex_);
  std::uint64_t requests_ HADRON_GUARDED_BY(mutex_) = 0;
  /// Rounds of moving since something found its place; a bound, so that it ends whatever comes.
  int rounds_of_moves_ HADRON_GUARDED_BY(mutex_) = 0;
  RestoreTimes restore_times_ HADRON_GUARDED_BY(mutex_);
  Totals totals_ HADRON_GUARDED_BY(mutex_);
};

/// The weights of a version that is still being packed, on their way to the device: what has been
/// packed is copied while the rest is read or downloaded, one segment at a time, so that a load
/// ends soon after its last byte. The version is resident no sooner: its restore then finds these
/// ranges by their content. The place for all of it is taken at the first segment, if it is free,
/// so that models lie in one piece; unless tensors turn out to be there already: a variant takes
/// what it needs one by one. Nobody leaves for bytes that may turn out wrong. All is given back
/// when others want the room, and with this object.
///
/// Owner: the load, then the Residence. Thread-safe; the rest is guarded by the manager's mutex.
class EarlyWeights : public std::enable_shared_from_this<EarlyWeights> {
 public:
  explicit EarlyWeights(ResidencyManager& manager);
  ~EarlyWeights();
  EarlyWeights(const EarlyWeights&) = delete;
  EarlyWeights& operator=(const EarlyWeights&) = delete;

  /// A segment of the image has been packed; the image is always the same. Returns at once. By the
  /// thread that packs.
  void Add(const plan::WeightImage& image, std::uint32_t segment);

 private:
  friend class ResidencyManager;
  bool busy() const { return in_flight_ || !waiting_.empty(); }
  bool holds() const { return !held_.empty() || !reserved_.empty(); }
  /// What has come stays.
  void SendNoMore() {
    over_ = true;
    waiting_.clear();
    reserved_.clear();
  }
  void GiveUp() {
    SendNoMore();
    held_.clear();
    held_bytes_ = 0;
  }

  ResidencyManager& manager_;
  bool begun_ = false;  ///< of the thread that packs
  std::deque<std::pair<std::uint32_t, plan::WeightImage::Segment>> waiting_;
  std::vector<std::uint64_t> sizes_;          ///< by segment; 0: it comes with the restore
  std::vector<plan::SegmentPlace> reserved_;  ///< by segment: what has not been packed yet
  std::vector<plan::SegmentPlace> held_;
  bool in_flight_ = false;
  bool over_ = false;             ///< no more is sent
  bool shares_ = false;           ///< some of it was there already
  std::uint64_t held_bytes_ = 0;  ///< of the device's memory, in ranges that it has filled
  std::uint64_t copied_bytes_ = 0;
  base::Duration copied_for_{0};
};

/// A version's entry in the residency: held by the ModelVersion, so that it ends with it. All of it
/// belongs to the manager and is guarded by its mutex.
class Residence {
 public:
  ~Residence() { manager_.Withdraw(*this); }
  Residence(const Residence&) = delete;
  Residence& operator=(const Residence&) = delete;

 private:
  friend class ResidencyManager;
  Residence(ResidencyManager& manager, ResidencyManager::Admission admission)
      : manager_(manager),
        model_(std::move(admission.model)),
        image_(std::move(admission.image)),
        metrics_(std::move(admission.metrics)),
        history_(std::move(admission.history)),
        idle_evict_(*admission.idle_evict),
        replaces_(admission.replaces),
        swaps_(admission.reload_policy == ReloadPolicy::kSwapOutFirst),
        early_(std::move(admission.early)) {
    for (const auto& [range, bytes] : image_->HostRanges()) host_parts_.push_back({range, bytes});
  }

  VersionUse& use() { return history_->use; }
  const VersionUse& use() const { return history_->use; }

  ResidencyManager& manager_;
  const std::string model_;
  const std::shared_ptr<const plan::WeightImage> image_;
  const std::shared_ptr<telemetry::ModelMetrics> metrics_;
  const std::shared_ptr<VersionHistory> history_;
  const base::Duration idle_evict_;
  const Residence* replaces_;  ///< null when that one has gone, or there was none
  const bool swaps_;           ///< it may drive out the one that it replaces
  bool yields_ = false;        ///< to the one that replaces it: no new batches
  std::vector<EvictionCandidate::Part> host_parts_;     ///< of host memory
  std::shared_ptr<EarlyWeights> early_;                 ///< until it is resident
  std::shared_ptr<const plan::WeightBinding> binding_;  ///< null: absent
  std::shared_ptr<const void> last_of_binding_;         ///< see WeightBinding
  std::vector<EvictionCandidate::Part> parts_;          ///< of the binding
  bool pinned_ = false;                                 ///< by configuration or call
  UsageShares shares_;                                  ///< of the binding
  bool wanted_ = false;
  bool wanted_back_ =
      false;  ///< whether or not requests wait: it gave its place to one that failed
  base::TimePoint wanted_since_;
  Payer brought_for_ = nullptr;   ///< by the restore that was begun last
  std::vector<Payer> held_back_;  ///< who waits for room within his limit
  int pins_ = 0;
  std::int64_t owed_ = 0;  ///< requests to be served before it may leave again
  base::TimePoint used_until_;
  std::vector<std::shared_ptr<ResidencyManager::Waiter>> waiters_;  ///< in Obtain
};

}  // namespace hadron::model
