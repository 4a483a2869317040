// The answer to whoever asks over HTTP whether the server is there.
#pragma once

#include <functional>

#include "http/router.h"

namespace polymq::server {

/// GET /health, with a small JSON document. 200, "ok": the shard is alive and takes requests. 503,
/// "recovering", while `recovering`, which is called on the shard's thread.
void add_health(http::Router& router, std::function<bool()> recovering);

}  // namespace polymq::server
