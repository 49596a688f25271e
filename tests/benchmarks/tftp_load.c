/* Fetches over TFTP from many clients at once: the load of bench_tftp.py, the same for every server.
 *
 * tftp_load HOST PORT CLIENTS AT_ONCE OCTETS BLKSIZE WINDOWSIZE
 *
 * Client N fetches phoneN.cfg and must get OCTETS octets. A packet that gets no answer for a second
 * is sent again, as phones do, ten times at most. Prints one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 1.0
#define MOST_RESENT 10
#define AT_A_TIME 64

struct client {
    int fd, number, window, unacked, tries, gap_told;
    uint16_t block;
    long octets;
    double began, sent;
    size_t length;
    char last[128];
    struct client *next_free;
};

static struct sockaddr_in server;
static int blksize, windowsize, poll_fd;
static long wanted;
static long resent, failed, refused;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void fatal(const char *what) {
    perror(what);
    exit(3);
}

static void again(struct client *c, int first) {
    c->sent = now();
    if (first)
        sendto(c->fd, c->last, c->length, 0, (struct sockaddr *)&server, sizeof server);
    else
        send(c->fd, c->last, c->length, 0);
}

static void begin(struct client *c, int number) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    memset(c, 0, sizeof *c);
    c->number = number;
    c->window = 1;
    c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
        fatal("socket");
    c->last[1] = 1;
    c->length = 2;
    c->length += sprintf(c->last + 2, "phone%d.cfg", number) + 1;
    c->length += sprintf(c->last + c->length, "octet") + 1;
    c->length += sprintf(c->last + c->length, "blksize") + 1;
    c->length += sprintf(c->last + c->length, "%d", blksize) + 1;
    if (windowsize > 1) {
        c->length += sprintf(c->last + c->length, "windowsize") + 1;
        c->length += sprintf(c->last + c->length, "%d", windowsize) + 1;
    }
    c->began = now();
    again(c, 1);
}

static void acknowledge(struct client *c) {
    c->last[0] = 0, c->last[1] = 4, c->last[2] = c->block >> 8, c->last[3] = c->block & 255;
    c->length = 4;
    c->unacked = 0;
    again(c, 0);
}

/* Take what has come; 1 when the client has ended. */
static int take(struct client *c) {
    static char data[65536];
    struct sockaddr_in from;
    for (;;) {
        socklen_t size = sizeof from;
        ssize_t got = recvfrom(c->fd, data, sizeof data, 0, (struct sockaddr *)&from, &size);
        if (got < 4)
            return 0;
        if (c->length > 4 && connect(c->fd, (struct sockaddr *)&from, sizeof from) < 0)
            fatal("connect"); /* the first answer tells the port of the transfer */
        uint16_t block = (uint8_t)data[2] << 8 | (uint8_t)data[3];
        if (data[1] == 6) {
            if (c->length > 4) {
                if (memmem(data, got, "windowsize", 10))
                    c->window = windowsize;
                c->tries = 0;
                acknowledge(c);
            }
        } else if (data[1] == 5) {
            refused++;
            return 1;
        } else if (data[1] == 3 && block == (uint16_t)(c->block + 1)) {
            c->block = block;
            c->octets += got - 4;
            c->tries = c->gap_told = 0;
            c->unacked++;
            int last = got - 4 < blksize;
            if (last || c->unacked >= c->window)
                acknowledge(c);
            if (last) {
                failed += c->octets != wanted;
                return 1;
            }
        } else if (data[1] == 3 && !c->gap_told && (uint16_t)(block - c->block) < 32768) {
            c->gap_told = 1;
            acknowledge(c);
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 8) {
        fprintf(stderr, "usage: tftp_load HOST PORT CLIENTS AT_ONCE OCTETS BLKSIZE WINDOWSIZE\n");
        return 2;
    }
    int clients = atoi(argv[3]), at_once = atoi(argv[4]), started = 0, running = 0;
    wanted = atol(argv[5]), blksize = atoi(argv[6]), windowsize = atoi(argv[7]);
    server.sin_family = AF_INET;
    server.sin_port = htons(atoi(argv[2]));
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
        fatal(argv[1]);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct client *all = calloc(at_once, sizeof *all), *free_ones = NULL;
    for (int i = 0; i < at_once; i++)
        all[i].next_free = free_ones, all[i].fd = -1, free_ones = &all[i];
    poll_fd = epoll_create1(0);
    double began = now(), slowest = 0, looked = began;
    while (running || started < clients) {
        while (free_ones && started < clients) {
            struct client *c = free_ones;
            free_ones = c->next_free;
            begin(c, started++);
            running++;
        }
        struct epoll_event events[AT_A_TIME];
        int ready = epoll_wait(poll_fd, events, AT_A_TIME, 100);
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            if (!take(c))
                continue;
            double took = now() - c->began;
            slowest = took > slowest ? took : slowest;
            close(c->fd);
            c->fd = -1;
            c->next_free = free_ones, free_ones = c;
            running--;
        }
        double at = now();
        if (at - looked < 0.1)
            continue;
        looked = at;
        for (int i = 0; i < at_once; i++) {
            struct client *c = &all[i];
            if (c->fd < 0 || at - c->sent < PATIENCE_S)
                continue;
            resent++;
            if (++c->tries <= MOST_RESENT) {
                again(c, c->length > 4);
                continue;
            }
            failed++;
            close(c->fd);
            c->fd = -1;
            c->next_free = free_ones, free_ones = c;
            running--;
        }
    }
    printf("{\"elapsed_s\": %.6f, \"resent\": %ld, \"failed\": %ld, \"refused\": %ld, "
           "\"slowest_s\": %.6f}\n",
           now() - began, resent, failed, refused, slowest);
    return 0;
}
