// SPDX-License-Identifier: Apache-2.0
// A job as the API shows it.
#pragma once

#include "api/services.h"

namespace kinglet::api {
json::object show_job(const Services& services, const catalog::Job& job);
}
