// SPDX-License-Identifier: Apache-2.0
#include "runtime/threads.h"

#include <pthread.h>

#include <csignal>

namespace kinglet {

void block_signals_in_this_thread() {
  sigset_t all;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace kinglet
