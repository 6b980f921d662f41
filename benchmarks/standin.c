/* A stand-in for OpenMLDB's APIServer, so fast that what is measured is the client: fixed answers over HTTP/1.1.

   standin PORT DELAY_MICROSECONDS ANSWERS

   ANSWERS is a file of lines METHOD <tab> PATH <tab> BEGIN <tab> ROW <tab> END. A request of that method and path is
   answered, after the delay, with BEGIN, ROW once for each object in the array of the request's body, and END. PORT 0
   takes a free one; the port is printed. One thread, epoll, loopback only. Built with: cc -O2 -o standin standin.c */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 65536
#define ANSWERS 64

typedef struct { char *data; size_t size, room; } Buffer;
typedef struct { int open; unsigned generation; Buffer in, out; } Connection;
typedef struct { char *begin_line, *begin, *row, *end; } Answer;
typedef struct Waiting { int fd; unsigned generation; int answer; int rows; long long due; struct Waiting *next; } Waiting;

static Connection connections[CONNECTIONS];
static Answer answers[ANSWERS];
static int answer_count, poller, timer;
static long long delay;
static Waiting *first, *last;

static void add(Buffer *b, const char *data, size_t size) {
    if (b->size + size + 1 > b->room) {
        b->room = (b->size + size + 1) * 2;
        if (!(b->data = realloc(b->data, b->room))) exit(2);
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
    b->data[b->size] = 0;
}

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void hang_up(int fd) {
    Connection *c = &connections[fd];
    c->open = 0;
    c->generation++;
    c->in.size = c->out.size = 0;
    close(fd);
}

static void push(int fd) {
    Connection *c = &connections[fd];
    size_t sent = 0;
    while (sent < c->out.size) {
        ssize_t n = send(fd, c->out.data + sent, c->out.size - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) { hang_up(fd); return; }
        sent += (size_t)n;
    }
    memmove(c->out.data, c->out.data + sent, c->out.size - sent);
    c->out.size -= sent;
    struct epoll_event e = {.events = EPOLLIN | (c->out.size ? EPOLLOUT : 0), .data.fd = fd};
    if (c->out.size || sent == 0) epoll_ctl(poller, EPOLL_CTL_MOD, fd, &e);
}

static void reply(int fd, int answer, int rows) {
    Answer *a = &answers[answer];
    size_t row = strlen(a->row), many = row ? (size_t)rows : 0;
    size_t size = strlen(a->begin) + strlen(a->end) + many * row + (many ? many - 1 : 0);
    char head[160];
    int n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", size);
    Buffer *out = &connections[fd].out;
    add(out, head, (size_t)n);
    add(out, a->begin, strlen(a->begin));
    for (size_t i = 0; i < many; i++) {
        if (i) add(out, ",", 1);
        add(out, a->row, row);
    }
    add(out, a->end, strlen(a->end));
    push(fd);
}

static void arm(void) {
    struct itimerspec when = {0};
    if (first) {
        long long left = first->due - now();
        if (left < 1) left = 1;
        when.it_value.tv_sec = left / 1000000;
        when.it_value.tv_nsec = left % 1000000 * 1000;
    }
    timerfd_settime(timer, 0, &when, NULL);
}

static void take(int fd) {
    Connection *c = &connections[fd];
    char *end;
    while (c->open && c->in.size && (end = memmem(c->in.data, c->in.size, "\r\n\r\n", 4))) {
        size_t head = (size_t)(end - c->in.data) + 4, length = 0;
        *end = 0;
        char *found = strcasestr(c->in.data, "\r\ncontent-length:");
        if (found) length = strtoul(found + 17, NULL, 10);
        *end = '\r';
        if (c->in.size < head + length) return;
        int rows = -1, answer = -1;
        for (size_t i = head; i < head + length; i++) rows += c->in.data[i] == '{';
        for (int i = 0; i < answer_count && answer < 0; i++)
            if (!strncmp(c->in.data, answers[i].begin_line, strlen(answers[i].begin_line))) answer = i;
        memmove(c->in.data, c->in.data + head + length, c->in.size - head - length + 1);
        c->in.size -= head + length;
        if (answer < 0) { hang_up(fd); return; }
        if (!delay) { reply(fd, answer, rows); continue; }
        Waiting *w = malloc(sizeof *w);
        if (!w) exit(2);
        *w = (Waiting){fd, c->generation, answer, rows, now() + delay, NULL};
        if (last) last->next = w; else first = w;
        last = w;
        if (first == w) arm();
    }
}

static void read_answers(const char *path) {
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    if (!f) { perror(path); exit(2); }
    while ((n = getline(&line, &room, f)) > 0 && answer_count < ANSWERS) {
        if (line[n - 1] == '\n') line[n - 1] = 0;
        char *rest = strdup(line), *method = strsep(&rest, "\t"), *place = strsep(&rest, "\t");
        Answer *a = &answers[answer_count++];
        a->begin = strsep(&rest, "\t");
        a->row = strsep(&rest, "\t");
        a->end = rest ? rest : "";
        if (!place || !a->begin || !a->row || asprintf(&a->begin_line, "%s %s ", method, place) < 0) exit(2);
    }
    fclose(f);
}

int main(int argc, char **argv) {
    if (argc != 4) { fprintf(stderr, "standin PORT DELAY_MICROSECONDS ANSWERS\n"); return 2; }
    delay = atoll(argv[2]);
    read_answers(argv[3]);
    int one = 1, listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listening, (struct sockaddr *)&address, size) || listen(listening, 1024)) { perror("listen"); return 2; }
    getsockname(listening, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listening};
    epoll_ctl(poller, EPOLL_CTL_ADD, listening, &e);
    e.data.fd = timer;
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &e);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listening) {
                int got = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
                if (got < 0) continue;
                if (got >= CONNECTIONS) { close(got); continue; }
                setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                connections[got].open = 1;
                e = (struct epoll_event){.events = EPOLLIN, .data.fd = got};
                epoll_ctl(poller, EPOLL_CTL_ADD, got, &e);
            } else if (fd == timer) {
                unsigned long long ticks;
                if (read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) return 2;
                for (Waiting *w; (w = first) && w->due <= now();) {
                    if (!(first = w->next)) last = NULL;
                    if (connections[w->fd].open && connections[w->fd].generation == w->generation) reply(w->fd, w->answer, w->rows);
                    free(w);
                }
                arm();
            } else if (connections[fd].open) {
                char data[65536];
                ssize_t got = 0;
                if (events[i].events & EPOLLOUT) push(fd);
                while (connections[fd].open && (got = recv(fd, data, sizeof data, 0)) > 0) {
                    add(&connections[fd].in, data, (size_t)got);
                    if (got < (ssize_t)sizeof data) break;
                }
                if (connections[fd].open && got <= 0 && !(got < 0 && errno == EAGAIN)) { hang_up(fd); continue; }
                take(fd);
            }
        }
    }
}
