/*
 * What the lamp board decides: levels, edges, relays and the line protocol.
 *
 * Knows no register and no AVR header: samples, octets and instants go in, octets and relay levels
 * come out. The same file is compiled for the board and, for property tests, for the host.
 *
 * Each line is described where lampsense_core.c writes or reads it.
 */
#ifndef LAMPSENSE_CORE_H
#define LAMPSENSE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#define LS_PROTOCOL 1
#define LS_LAMPS 8
#define LS_RELAYS 2

/* Longest line in either direction, line end included. */
#define LS_LINE 80
/* Octets that wait to be sent; index arithmetic relies on the wrap of uint8_t. */
#define LS_QUEUE 256
/* Samples that must agree before a level is believed: at 250 Hz, 12 ms from first to last. */
#define LS_RUN 4
/* A sensor head pulls its input up a little even in the dark; below this the cable is out. */
#define LS_OPEN_MAX 7
/* Above this the input is at its rail and says nothing about the lamp. */
#define LS_SATURATED_MIN 1015
/* A relay drops out by itself after this time, whoever forgot it. */
#define LS_RELAY_LIMIT_MS 2000u
/* A relay's feedback contact must agree after this time. */
#define LS_FEEDBACK_MS 50u
/* Complaints about damaged lines are not sent more often than this. */
#define LS_COMPLAINT_MS 100u

/* What a lamp input is; the letters are those of the protocol. */
enum ls_level {
    LS_DARK = '0',
    LS_LIT = '1',
    LS_OPEN = 'o',
    LS_SATURATED = 's',
    LS_UNSET = 'u' /* no thresholds, or between them since they were set */
};

struct ls_lamp {
    uint16_t raw;
    uint16_t on;
    uint16_t off;
    char level;
    char pending;
    uint8_t run;
    uint32_t pending_at;
};

struct ls_relay {
    bool closed;
    bool pulse;      /* a pulse says "done", a closed relay that was forgotten says "timeout" */
    bool feedback;   /* a feedback contact is fitted */
    bool disagreed;
    bool told;
    uint32_t since;
    uint32_t limit;
    uint32_t disagreed_at;
};

struct ls_core {
    struct ls_lamp lamps[LS_LAMPS];
    struct ls_relay relays[LS_RELAYS];
    int8_t reference; /* lamp input that sees room light only; -1 for none */
    uint16_t reference_base;
    uint8_t seq;
    uint16_t lost; /* lines that found no room */
    uint16_t bad;  /* lines that arrived damaged */
    uint32_t beat_ms;
    uint32_t beat_at;
    uint32_t complained_at;
    bool complained;
    bool restart;
    bool skipping;
    uint8_t length;
    char line[LS_LINE];
    char out[LS_LINE];
    uint8_t out_length;
    volatile uint8_t head; /* written by whoever adds */
    volatile uint8_t tail; /* written by whoever sends */
    volatile char queue[LS_QUEUE];
};

/* Start; the boot line is queued. cause: power, external, brownout, watchdog or unknown. */
void ls_init(struct ls_core *core, const char *cause);

/* One conversion of one lamp input: 0 to 1023, taken at an instant in ms. */
void ls_sample(struct ls_core *core, uint8_t lamp, uint16_t raw, uint32_t at_ms);

/* One octet from the host. */
void ls_receive(struct ls_core *core, uint8_t octet, uint32_t now_ms);

/* Octets from the host were lost before they got here. */
void ls_overrun(struct ls_core *core);

/* Time passes. feedback: bit n is set while the feedback contact of relay n is closed. */
void ls_tick(struct ls_core *core, uint32_t now_ms, uint8_t feedback);

/* Bit n is set while relay n must be closed. */
uint8_t ls_relays(const struct ls_core *core);

/* Next octet to send, or -1. Safe to call from an interrupt handler. */
int16_t ls_next_octet(struct ls_core *core);

/* Whether the board was told to restart, and has sent everything it had to say. */
bool ls_wants_restart(const struct ls_core *core);

/* Size of the state, for callers that do not know its layout. */
uint16_t ls_size(void);

#endif
