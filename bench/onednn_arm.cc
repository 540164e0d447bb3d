#include "bench/onednn_arm.h"

#ifdef HADRON_HAVE_ONEDNN
#include <omp.h>

#include <chrono>
#include <dnnl.hpp>
#include <unordered_map>
#endif

namespace hadron::bench {

#ifdef HADRON_HAVE_ONEDNN
namespace {

using dnnl::memory;
using Dt = memory::data_type;
using Tag = memory::format_tag;

class Arm final : public OneDnnArm {
 public:
  template <typename Descriptor>
  Arm(const dnnl::engine& engine, const Descriptor& descriptor, dnnl::primitive primitive)
      : stream_(engine),
        primitive_(std::move(primitive)),
        name_(std::string("oneDNN ") + descriptor.impl_info_str()) {
    arguments_ = {{DNNL_ARG_SRC, memory(descriptor.src_desc(), engine)},
                  {DNNL_ARG_WEIGHTS, memory(descriptor.weights_desc(), engine)},
                  {DNNL_ARG_DST, memory(descriptor.dst_desc(), engine)}};
  }

  std::string name() const override { return name_; }

  double Time(int runs) override {
    using Clock = std::chrono::steady_clock;
    double best = 1e30;
    for (int i = 0; i < runs; ++i) {
      const auto begin = Clock::now();
      primitive_.execute(stream_, arguments_);
      stream_.wait();
      const std::chrono::duration<double, std::micro> elapsed = Clock::now() - begin;
      best = std::min(best, elapsed.count());
    }
    return best;
  }

 private:
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::string name_;
  std::unordered_map<int, memory> arguments_;
};

std::unique_ptr<OneDnnArm> MakeProduct(const dnnl::engine& engine, const Layer& l) {
  const memory::desc x({l.size, l.in}, Dt::f32, Tag::ab);
  const memory::desc w({l.in, l.out}, Dt::f32, Tag::any);
  const memory::desc y({l.size, l.out}, Dt::f32, Tag::ab);
  const dnnl::matmul::primitive_desc descriptor({x, w, y}, engine);
  return std::make_unique<Arm>(engine, descriptor, dnnl::matmul(descriptor));
}

std::unique_ptr<OneDnnArm> MakeConv(const dnnl::engine& engine, const Layer& l) {
  using Conv = dnnl::convolution_forward;
  const memory::desc x({1, l.in, l.size, l.size}, Dt::f32, Tag::nhwc);
  const memory::dims plain = {l.out, l.in, l.kernel, l.kernel};
  const memory::dims grouped = {l.groups, l.out / l.groups, l.in / l.groups, l.kernel, l.kernel};
  const memory::desc w(l.groups > 1 ? grouped : plain, Dt::f32, Tag::any);
  const memory::desc y({1, l.out, l.output(), l.output()}, Dt::f32, Tag::nhwc);
  const memory::dims strides(2, l.stride);
  const memory::dims pads(2, l.kernel / 2);
  const Conv::primitive_desc descriptor(
      Conv::desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_auto, x, w, y,
                 strides, pads, pads),
      engine);
  return std::make_unique<Arm>(engine, descriptor, Conv(descriptor));
}

}  // namespace

base::StatusOr<std::unique_ptr<OneDnnArm>> OneDnnArm::Make(const Layer& layer, int threads) {
  omp_set_num_threads(threads);  // frozen in the primitives made now
  try {
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return layer.kernel == 0 ? MakeProduct(engine, layer) : MakeConv(engine, layer);
  } catch (const dnnl::error& e) {
    return base::Unavailable(std::string("oneDNN: ") + e.what());
  }
}
#else
base::StatusOr<std::unique_ptr<OneDnnArm>> OneDnnArm::Make(const Layer&, int) {
  return base::Unavailable("this build found no oneDNN: install libdnnl-dev and configure again");
}
#endif

}  // namespace hadron::bench
