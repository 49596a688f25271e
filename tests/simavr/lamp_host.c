/*
 * Runs the lamp board's firmware on an emulated ATmega328P, with its serial line on a pty.
 *
 * A test helper and a program of its own: it links libsimavr, which is under the GNU GPL, so
 * nothing of phonerig's package links it.
 *
 *   lamp_host FIRMWARE.elf|BOOTLOADER.hex [SPEED]
 *
 * SPEED is virtual seconds per second: 1 keeps to the wall clock, 0 runs free. On standard input:
 *
 *   A <input> <mV>             light on a lamp input, now
 *   AT <us> <input> <mV>       the same at a virtual instant; instants must ascend
 *   SENSE <relay> <0|1>        feedback contact of a relay: 1 is closed
 *   SPEED <x>                  from now on
 *   POKE <address> <hex>       octets into the chip's RAM
 *   HALT <0|1>                 the chip stands still, time goes on
 *   RESET                      reset button
 *   UNPLUG, PLUG               the serial line goes away, and is there again under a new name
 *   CLOCK?                     virtual time
 *
 * On standard output: PTY <path>, RELAY <n> <0|1> <us>, DONE <us> when the last AT is over,
 * CLOCK <us>, CRASHED. Ends when standard input does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <simavr/avr_adc.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <simavr/sim_hex.h>

#define HZ 16000000ull
#define SLICE_US 500
#define PLANNED 65536

struct planned {
    unsigned long long us;
    int input;
    unsigned mv;
};

static avr_t *avr;
static avr_irq_t *uart_input;
static int master = -1, slave = -1;
static int may_feed = 1;
static double speed = 1.0;
static int behind, behind_for;
static int halted;
static unsigned long long halted_us;
static struct planned plan[PLANNED];
static unsigned plan_in, plan_out;
static char held[65536];
static size_t held_from, held_to;
static unsigned char open_contacts = 0xc0;

static unsigned long long chip_us(void)
{
    return avr->cycle * 1000000ull / HZ;
}

/* Nothing waits here: the main loop keeps the pace. */
static void no_sleep(avr_t *self, avr_cycle_count_t cycles)
{
    (void)self;
    (void)cycles;
}

static void from_chip(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)param;
    char octet = (char)value;
    if (master >= 0 && write(master, &octet, 1) < 0 && errno != EAGAIN && errno != EIO) {
        perror("write");
    }
}

static void flow(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)value;
    may_feed = param != NULL;
}

static void relay_moved(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    static int last[2];
    int relay = param != NULL;
    if (last[relay] != !!value) {
        last[relay] = !!value;
        printf("RELAY %d %d %llu\n", relay, !!value, chip_us());
        fflush(stdout);
    }
}

static void light(int input, unsigned mv)
{
    if (input >= 0 && input < 8) {
        avr_raise_irq(
            avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0 + input), mv);
    }
}

/* The chip's own pull-up gives way to what is outside. */
static void sense(int relay, int closed)
{
    unsigned char bit = relay ? 0x80 : 0x40;
    open_contacts = (unsigned char)(closed ? open_contacts & ~bit : open_contacts | bit);
    avr_ioport_external_t outside = {.name = 'D', .mask = 0xc0, .value = open_contacts};
    avr_ioctl(avr, AVR_IOCTL_IOPORT_SET_EXTERNAL('D'), &outside);
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('D'), relay ? 7 : 6), !closed);
}

/* A reset clears what the pins read, and simavr takes a level that they have for no news. */
static void reset(void)
{
    avr_reset(avr);
    avr->data[0x54] = 2; /* MCUSR: external reset */
    for (int relay = 0; relay < 2; relay++) {
        int closed = !(open_contacts & (relay ? 0x80 : 0x40));
        sense(relay, !closed);
        sense(relay, closed);
    }
}

static void unplug(void)
{
    if (master >= 0) {
        close(slave);
        close(master);
        master = slave = -1;
    }
    held_from = held_to = 0;
}

static void plug(void)
{
    char name[128];
    struct termios raw;
    unplug();
    if (openpty(&master, &slave, name, NULL, NULL)) {
        perror("openpty");
        exit(2);
    }
    tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    fcntl(master, F_SETFL, O_NONBLOCK);
    printf("PTY %s\n", name);
    fflush(stdout);
}

static void poke(unsigned address, const char *hex)
{
    unsigned octet;
    while (sscanf(hex, "%2x", &octet) == 1 && address < avr->ramend) {
        avr->data[address++] = (uint8_t)octet;
        hex += 2;
    }
}

static void obey(const char *line)
{
    unsigned long long us;
    unsigned a, b;
    double factor;
    char hex[64];
    if (sscanf(line, "AT %llu %u %u", &us, &a, &b) == 3) {
        if (plan_in < PLANNED) {
            plan[plan_in++] = (struct planned){us, (int)a, b};
        }
    } else if (sscanf(line, "A %u %u", &a, &b) == 2) {
        light((int)a, b);
    } else if (sscanf(line, "SENSE %u %u", &a, &b) == 2) {
        sense((int)a, (int)b);
    } else if (sscanf(line, "SPEED %lf", &factor) == 1) {
        speed = factor;
    } else if (sscanf(line, "POKE %x %63s", &a, hex) == 2) {
        poke(a, hex);
    } else if (sscanf(line, "HALT %u", &a) == 1) {
        halted = (int)a;
    } else if (!strncmp(line, "RESET", 5)) {
        reset();
    } else if (!strncmp(line, "UNPLUG", 6)) {
        unplug();
    } else if (!strncmp(line, "PLUG", 4)) {
        plug();
    } else if (!strncmp(line, "CLOCK?", 6)) {
        printf("CLOCK %llu\n", chip_us());
        fflush(stdout);
    }
}

/* Reads control lines; false at their end. */
static int control(void)
{
    static char text[1 << 16];
    static size_t length;
    ssize_t got = read(0, text + length, sizeof text - length - 1);
    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    length += (size_t)got;
    text[length] = 0;
    char *from = text, *end;
    while ((end = strchr(from, '\n'))) {
        *end = 0;
        obey(from);
        from = end + 1;
    }
    length -= (size_t)(from - text);
    memmove(text, from, length);
    return 1;
}

/*
 * A chip that was not run for a while catches up before it hears anything new: what happens now must
 * not get an instant of then. One that never catches up hears all the same.
 */
static void note_pace(double ahead_s)
{
    behind_for = ahead_s < -0.001 ? behind_for + 1 : 0;
    behind = behind_for > 0 && behind_for < 10000;
}

/* What the client wrote goes to the chip as fast as its wire would bring it, and no faster. */
static void feed(unsigned long long us)
{
    static unsigned long long next_us;
    if (master >= 0 && held_from == held_to && !behind) {
        ssize_t got = read(master, held, sizeof held);
        held_from = 0;
        held_to = got > 0 ? (size_t)got : 0;
    }
    if (next_us < us) {
        next_us = us;
    }
    while (held_from < held_to && may_feed && next_us < us + SLICE_US) {
        avr_raise_irq(uart_input, (uint8_t)held[held_from++]);
        next_us += 87; /* ten bits at 115200 baud */
    }
}

static double wall_s(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void wait_for(double seconds)
{
    struct pollfd in = {0, POLLIN, 0};
    struct timespec span = {0, 0};
    if (seconds > 0) {
        span.tv_nsec = seconds > 0.05 ? 50000000 : (long)(seconds * 1e9);
    }
    if (ppoll(&in, 1, &span, NULL) > 0 && !control()) {
        exit(0);
    }
}

static void run(void)
{
    unsigned long long virtual_us = 0;
    double at_s = wall_s(), due_s = 0;
    for (;;) {
        unsigned long long until = avr->cycle + SLICE_US * HZ / 1000000;
        while (plan_out < plan_in && plan[plan_out].us <= chip_us()) {
            light(plan[plan_out].input, plan[plan_out].mv);
            if (++plan_out == plan_in) {
                printf("DONE %llu\n", chip_us());
                fflush(stdout);
            }
        }
        if (halted) {
            halted_us += SLICE_US;
        } else {
            feed(chip_us());
            while (avr->cycle < until) {
                int state = avr_run(avr);
                if (state == cpu_Done || state == cpu_Crashed) {
                    printf("CRASHED\n");
                    exit(3);
                }
            }
        }
        virtual_us = chip_us() + halted_us;
        static unsigned long long last_us;
        double now_s = wall_s();
        if (speed > 0) {
            due_s += (double)(virtual_us - last_us) / 1e6 / speed;
            note_pace(at_s + due_s - now_s);
            if (!behind) {
                wait_for(at_s + due_s - now_s);
            }
        } else {
            at_s = now_s;
            due_s = 0;
            note_pace(0);
            wait_for(0);
        }
        last_us = virtual_us;
    }
}

/* Standard output belongs to the protocol above. */
static void log_to_stderr(avr_t *self, const int level, const char *format, va_list arguments)
{
    (void)self;
    if (level <= LOG_ERROR) {
        vfprintf(stderr, format, arguments);
    }
}

/* A boot loader in a chip that is empty besides; its fuses say that it starts first. */
static void load_boot_loader(const char *path)
{
    ihex_chunk_p chunks = NULL;
    int count = read_ihex_chunks(path, &chunks);
    if (count < 1) {
        fprintf(stderr, "%s holds nothing\n", path);
        exit(2);
    }
    avr->reset_pc = avr->pc = chunks[0].baseaddr;
    for (int i = 0; i < count; i++) {
        memcpy(avr->flash + chunks[i].baseaddr, chunks[i].data, chunks[i].size);
        if (chunks[i].baseaddr < avr->reset_pc) {
            avr->reset_pc = avr->pc = chunks[i].baseaddr;
        }
    }
    avr->codeend = avr->flashend;
    free_ihex_chunks(chunks);
}

int main(int argc, char **argv)
{
    avr_global_logger_set(log_to_stderr);
    elf_firmware_t firmware;
    memset(&firmware, 0, sizeof firmware);
    int boot_loader = argc > 1 && strlen(argv[1]) > 4 && !strcmp(argv[1] + strlen(argv[1]) - 4, ".hex");
    if (argc < 2 || (!boot_loader && elf_read_firmware(argv[1], &firmware))) {
        fprintf(stderr, "usage: lamp_host FIRMWARE.elf|BOOTLOADER.hex [SPEED]\n");
        return 2;
    }
    if (argc > 2) {
        speed = atof(argv[2]);
    }
    avr = avr_make_mcu_by_name("atmega328p");
    if (!avr) {
        fprintf(stderr, "this simavr has no atmega328p\n");
        return 2;
    }
    avr_init(avr);
    avr->log = LOG_ERROR;
    if (boot_loader) {
        load_boot_loader(argv[1]);
    } else {
        avr_load_firmware(avr, &firmware);
    }
    avr->frequency = HZ;
    avr->vcc = avr->avcc = avr->aref = 5000;
    avr->sleep = no_sleep;
    avr->data[0x54] = 1; /* MCUSR: power-on reset */
    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    uart_input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr_irq_register_notify(
        avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), from_chip, NULL);
    avr_irq_register_notify(
        avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XON), flow, &avr);
    avr_irq_register_notify(
        avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XOFF), flow, NULL);
    avr_irq_register_notify(
        avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('D'), 4), relay_moved, NULL);
    avr_irq_register_notify(
        avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('D'), 5), relay_moved, &avr);
    for (int input = 0; input < 8; input++) {
        light(input, 100); /* a head in the dark */
    }
    for (int relay = 0; relay < 2; relay++) {
        sense(relay, 0);
    }
    fcntl(0, F_SETFL, O_NONBLOCK);
    plug();
    run();
    return 0;
}
