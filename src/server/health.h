// The answer to whoever asks over HTTP whether the server is there.
#pragma once

#include "http/router.h"

namespace polymq::server {

/// GET /health: 200 with a small JSON document. It says that the shard is alive and takes requests.
void add_health(http::Router& router);

}  // namespace polymq::server
