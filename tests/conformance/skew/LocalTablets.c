/*
 * Gives a catalog in memory the tablets of a cluster. A query that is compiled as a cluster's tablet compiles it asks the
 * table's handler for the tablet that has a key's rows; the one of libsql_jsdk.so's catalog in memory knows none. Its
 * virtual table gets a method here, which gives the tablet that Requests.java has set (the engine's own LocalTablet).
 *
 * Names and calling convention are those of g++ on x86-64: a std::shared_ptr is returned through a hidden pointer; one
 * without a control block owns nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOTS = 64 }; /* more than the class has virtual methods */

static void *tablet;

static void *get_tablet(void **result) {
  result[0] = tablet;
  result[1] = 0;
  return result;
}

static int replace(void **table, void *method) {
  int found = 0;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t begin = (uintptr_t)table & ~(page - 1);
  uintptr_t end = ((uintptr_t)(table + SLOTS) + page - 1) & ~(page - 1);
  if (!method || mprotect((void *)begin, end - begin, PROT_READ | PROT_WRITE)) return 0;
  for (int i = 0; i < SLOTS; i++)
    if (table[i] == method) {
      table[i] = (void *)get_tablet;
      found++;
    }
  return found;
}

/* How many methods were replaced: 2, or the library is another one. */
int Java_Requests_takeOver(void *environment, void *class_, long long library) {
  void *handle = dlopen((const char *)library, RTLD_NOW | RTLD_NOLOAD);
  void **table = handle ? dlsym(handle, "_ZTVN8hybridse2vm25SimpleCatalogTableHandlerE") : 0;
  if (!table) return 0;
  return replace(table, dlsym(handle, "_ZN8hybridse2vm12TableHandler9GetTabletERKSsS3_")) +
         replace(table, dlsym(handle, "_ZN8hybridse2vm12TableHandler9GetTabletERKSsRKSt6vectorISsSaISsEE"));
}

/*
 * Lays out the rows of one index of a table newest first; those of the same time stay as they came (a key has a few rows
 * only, and std::sort leaves up to 16 equal ones in their order). "table" is a TableHandler, "name" points behind the
 * header of a std::string as it was before C++11: its length, its capacity, its owners.
 */
void Java_Requests_sort(void *environment, void *class_, long long library, long long table, long long name) {
  void *handle = dlopen((const char *)library, RTLD_NOW | RTLD_NOLOAD);
  void *(*get_partition)(void **, void *, void *) =
      dlsym(handle, "_ZN8hybridse2vm25SimpleCatalogTableHandler12GetPartitionERKSs");
  void (*sort)(void *, int) = dlsym(handle, "_ZN8hybridse2vm19MemPartitionHandler4SortEb");
  void *partition[2];
  void *text = (void *)name;
  get_partition(partition, (void *)table, &text);
  if (partition[0]) sort(partition[0], 0);
}

void Java_Requests_setTablet(void *environment, void *class_, long long address) { tablet = (void *)address; }
