// NCCL for replicas that are threads of one process and whose arrays lie in the processor's memory. Like the library's,
// calls return at once and are done when all ranks have made them; an abort ends only what its own rank waits for.
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "stub.h"

enum { success = 0, invalid_argument = 4, invalid_usage = 5, remote_error = 6, in_progress = 7, most_ranks = 8 };

typedef struct {
  char bytes[128];
} UniqueId;

typedef struct {
  size_t size;
  unsigned magic, version;
  int blocking;
} Config;

typedef enum { all_reduce = 1, broadcast, all_gather, reduce_scatter } Kind;

typedef struct {
  Kind kind;
  const void* in;
  void* out;
  size_t count;
  int type, reduction, root;
} Call;

typedef struct Group {
  int id, ranks, joined, left, waiting;
  int calls;    // that are done
  Call pending[most_ranks];
  struct Group* next;
} Group;

typedef struct {
  Group* group;
  int rank;
} Comm;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static Group* groups;
static int ids;
static _Thread_local char last_error[200];

int ncclGetVersion(int* version) {
  *version = told("STUB_NCCL_VERSION", 22809);
  return success;
}

const char* ncclGetErrorString(int result) {
  switch (result) {
    case success: return "no error";
    case invalid_argument: return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case invalid_usage: return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case remote_error: return "remote process exited or there was a network error";
    case in_progress: return "NCCL operation in progress";
    default: return "unknown result code";
  }
}
const char* ncclGetLastError(const Comm* comm) {
  (void)comm;
  return last_error;
}

int ncclGetUniqueId(UniqueId* id) {
  memset(id, 0, sizeof *id);
  pthread_mutex_lock(&mutex);
  const int number = ++ids;
  pthread_mutex_unlock(&mutex);
  memcpy(id->bytes + 60, &number, sizeof number);
  return told("STUB_NCCL_ID", success);
}

static Group* group_of(int id, int ranks) {
  for (Group* g = groups; g; g = g->next)
    if (g->id == id) return g;
  Group* g = calloc(1, sizeof *g);
  g->id = id;
  g->ranks = ranks;
  g->next = groups;
  groups = g;
  return g;
}

int ncclCommInitRankConfig(Comm** comm, int ranks, UniqueId id, int rank, const Config* config) {
  int number;
  memcpy(&number, id.bytes + 60, sizeof number);
  if (config->magic != 0xcafebeef || config->size != sizeof *config || config->blocking != 0 || number == 0 ||
      ranks > most_ranks)
    return invalid_argument;
  if (rank == told("STUB_NCCL_REFUSED_RANK", -1)) {
    snprintf(last_error, sizeof last_error, "Duplicate GPU detected : rank 0 and rank %d both on CUDA device 1b000\n", rank);
    return invalid_usage;
  }
  pthread_mutex_lock(&mutex);
  *comm = calloc(1, sizeof **comm);
  (*comm)->group = group_of(number, ranks);
  (*comm)->rank = rank;
  ++(*comm)->group->joined;
  pthread_mutex_unlock(&mutex);
  return in_progress;
}

int ncclCommAbort(Comm* comm) {
  pthread_mutex_lock(&mutex);
  Group* g = comm->group;
  if (++g->left == g->ranks) {
    Group** at = &groups;
    while (*at != g) at = &(*at)->next;
    *at = g->next;
    free(g);
  }
  free(comm);
  pthread_mutex_unlock(&mutex);
  return success;
}

int ncclCommGetAsyncError(const Comm* comm, int* state) {
  pthread_mutex_lock(&mutex);
  const Group* g = comm->group;
  *state = g->joined < g->ranks || g->pending[comm->rank].kind ? in_progress : success;
  if (g->calls >= told("STUB_NCCL_CALLS_BEFORE_ERROR", 1 << 30)) {
    snprintf(last_error, sizeof last_error, "socketPollConnect: the peer went away\n");
    *state = remote_error;
  }
  pthread_mutex_unlock(&mutex);
  return success;
}

static size_t size_of(int type) { return type == 9 ? 2 : type == 2 || type == 7 ? 4 : 8; }

static double number_at(const void* x, int type, size_t i) {
  uint32_t bits;
  float f;
  switch (type) {
    case 2: return ((const int32_t*)x)[i];
    case 4: return (double)((const int64_t*)x)[i];
    case 7: return ((const float*)x)[i];
    case 8: return ((const double*)x)[i];
    default:
      bits = (uint32_t)((const uint16_t*)x)[i] << 16;
      memcpy(&f, &bits, sizeof f);
      return f;
  }
}

static void set_number(void* x, int type, size_t i, double value) {
  uint32_t bits;
  const float f = (float)value;
  switch (type) {
    case 2: ((int32_t*)x)[i] = (int32_t)value; return;
    case 4: ((int64_t*)x)[i] = (int64_t)value; return;
    case 7: ((float*)x)[i] = f; return;
    case 8: ((double*)x)[i] = value; return;
    default:
      memcpy(&bits, &f, sizeof bits);
      ((uint16_t*)x)[i] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
}

static double reduced(const Group* g, size_t i) {
  const Call* c = &g->pending[0];
  double result = number_at(c->in, c->type, i);
  for (int r = 1; r < g->ranks; ++r) {
    const double x = number_at(g->pending[r].in, c->type, i);
    if (c->reduction == 2) result = x > result ? x : result;
    else result += x;
  }
  return c->reduction == 4 ? result / g->ranks : result;
}

// All of it is read before any of it is written: an output may be an input.
static void do_together(Group* g) {
  const Call* c = &g->pending[0];
  const size_t ranks = (size_t)g->ranks, bytes = c->count * size_of(c->type);
  const size_t all = c->kind == all_gather || c->kind == reduce_scatter ? ranks * c->count : c->count;
  char* result = malloc(all * size_of(c->type) + 1);
  if (c->kind == broadcast) memcpy(result, g->pending[c->root].in, bytes);
  if (c->kind == all_gather)
    for (size_t r = 0; r < ranks; ++r) memcpy(result + r * bytes, g->pending[r].in, bytes);
  if (c->kind == all_reduce || c->kind == reduce_scatter)
    for (size_t i = 0; i < all; ++i) set_number(result, c->type, i, reduced(g, i));
  for (size_t r = 0; r < ranks; ++r)
    memcpy(g->pending[r].out, result + (c->kind == reduce_scatter ? r * bytes : 0),
           c->kind == reduce_scatter ? bytes : all * size_of(c->type));
  free(result);
  memset(g->pending, 0, sizeof g->pending);
  ++g->calls;
}

static int call(Comm* comm, Call c) {
  pthread_mutex_lock(&mutex);
  Group* g = comm->group;
  g->pending[comm->rank] = c;
  if (++g->waiting == g->ranks && g->left == 0) {
    g->waiting = 0;
    do_together(g);
  }
  pthread_mutex_unlock(&mutex);
  return success;
}

int ncclAllReduce(const void* in, void* out, size_t count, int type, int reduction, Comm* comm, void* stream) {
  (void)stream;
  return call(comm, (Call){all_reduce, in, out, count, type, reduction, 0});
}
int ncclBroadcast(const void* in, void* out, size_t count, int type, int root, Comm* comm, void* stream) {
  (void)stream;
  return call(comm, (Call){broadcast, in, out, count, type, 0, root});
}
int ncclAllGather(const void* in, void* out, size_t count, int type, Comm* comm, void* stream) {
  (void)stream;
  return call(comm, (Call){all_gather, in, out, count, type, 0, 0});
}
int ncclReduceScatter(const void* in, void* out, size_t count, int type, int reduction, Comm* comm, void* stream) {
  (void)stream;
  return call(comm, (Call){reduce_scatter, in, out, count, type, reduction, 0});
}
