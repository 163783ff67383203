// SPDX-License-Identifier: Apache-2.0
// File descriptors: how many this process may have, and how many of them connections of clients may take.
#pragma once

#include <cstddef>

namespace kinglet::server {

/// Raises the soft limit of open files to the hard one, which needs no right. Gives the limit that holds then.
std::size_t raise_descriptor_limit();

/// What is left for connections when the spool, the catalog, the engine's sockets and files keep their share: a
/// quarter, of few at least 64 (or three quarters of all), of many 1,024.
std::size_t descriptors_for_connections(std::size_t descriptor_limit);

}  // namespace kinglet::server
