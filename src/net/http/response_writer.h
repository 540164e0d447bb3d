#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "net/asio.h"
#include "net/http_message.h"

namespace hadron::net {

/// One response on its way to the socket: the head as text and the body's slices, gathered in one
/// system call where possible, never copied. Externally synchronised.
class ResponseWriter {
 public:
  /// Buffers still to be written, as Asio wants them.
  struct Range {
    using value_type = asio::const_buffer;
    using const_iterator = const asio::const_buffer*;
    const_iterator first;
    const_iterator last;
    const_iterator begin() const { return first; }
    const_iterator end() const { return last; }
  };

  /// `connection` is the value of the Connection field, empty for none; `head_only` leaves the body
  /// out (HEAD) but not its Content-Length.
  void Begin(HttpResponse response, std::string_view connection, bool head_only);
  bool done() const { return next_ == buffers_.size(); }
  Range buffers() const { return {buffers_.data() + next_, buffers_.data() + buffers_.size()}; }
  void Consume(std::size_t bytes);

 private:
  HttpResponse response_;
  std::string head_;
  std::vector<asio::const_buffer> buffers_;
  std::size_t next_ = 0;
};

}  // namespace hadron::net
