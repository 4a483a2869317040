// Fixed paths and who answers them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/service.h"

namespace polymq::http {

/// A service made of a few fixed paths and of what answers all others. Paths are compared as they
/// are written, without decoding.
class Router final : public Service {
 public:
  using Handler = std::function<void(Request, Exchange)>;

  /// GET also stands for HEAD. Another method on a path that is there gets status 405, but OPTIONS
  /// gets 204 on any path that has no handler for it.
  void add(Method method, std::string path, Handler handler);
  /// Instead of status 404.
  void otherwise(Handler handler) { otherwise_ = std::move(handler); }

  void handle(Request request, Exchange exchange) override;

 private:
  struct Route {
    Method method;
    std::string path;
    Handler handler;
  };
  std::vector<Route> routes_;
  Handler otherwise_;
};

}  // namespace polymq::http
