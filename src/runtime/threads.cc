// SPDX-License-Identifier: Apache-2.0
#include "runtime/threads.h"

#include <fmt/format.h>
#include <pthread.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace kinglet {

void block_signals_in_this_thread() {
  sigset_t all;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

void end_without_thread(int number) {
  fmt::print(stderr,
             "kinglet: the system starts no more threads ({}): raise the limit of threads and processes (ulimit -u, "
             "TasksMax of a systemd unit, pids of a container)\n",
             std::generic_category().message(number));
  std::fflush(stderr);
  std::_Exit(1);  // threads that run already may not be left by destructors
}

}  // namespace kinglet
