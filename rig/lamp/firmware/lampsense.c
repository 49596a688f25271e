/*
 * The lamp board's firmware for an ATmega328P at 16 MHz (Arduino Nano, Uno).
 *
 * A0..A7  phototransistors of lamps 0 to 7 (an Uno has A0..A5 only)
 * D4, D5  relays 0 and 1, high closes
 * D6, D7  feedback contacts of relays 0 and 1, closed to ground; pulled up
 * D0, D1  serial line, 115200 baud, 8N1
 *
 * A timer ticks 2000 times a second and takes one sample, so each of eight inputs is seen every
 * 4 ms. The CPU sleeps in between. The watchdog restarts a board whose main loop stands still;
 * relays are open from the first instruction after any restart.
 */
#include "lampsense_core.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#include <util/atomic.h>

#define TICKS_PER_MS 2
#define SAMPLES 16 /* a power of two */
#define OCTETS 64  /* a power of two */
#define RELAY_PINS ((1 << PD4) | (1 << PD5))
#define FEEDBACK_PINS ((1 << PD6) | (1 << PD7))

struct sample {
    uint8_t lamp;
    uint16_t raw;
    uint32_t at_ms;
};

static struct ls_core core;
volatile uint32_t now_ms; /* tests set it by name, to see it wrap */
static volatile uint8_t ticks;
static volatile uint8_t converting;
static volatile uint32_t converting_at;
static volatile struct sample samples[SAMPLES];
static volatile uint8_t samples_in;
static volatile uint8_t samples_out;
static volatile uint8_t octets[OCTETS];
static volatile uint8_t octets_in;
static volatile uint8_t octets_out;
static volatile uint8_t overruns;

/* Before anything else: the watchdog of the last life may still run, with its shortest period. */
static uint8_t reset_cause __attribute__((section(".noinit")));
void first_things(void) __attribute__((naked, used, section(".init3")));
void first_things(void)
{
    reset_cause = MCUSR;
    MCUSR = 0;
    wdt_disable();
}

ISR(TIMER1_COMPA_vect)
{
    if (++ticks >= TICKS_PER_MS) {
        ticks = 0;
        now_ms++;
    }
    /* The input was chosen when the last conversion ended, so it has settled. */
    converting_at = now_ms;
    ADCSRA |= 1 << ADSC;
}

ISR(ADC_vect)
{
    uint16_t raw = ADC;
    uint8_t in = samples_in;
    if ((uint8_t)(in - samples_out) < SAMPLES) {
        volatile struct sample *sample = &samples[in % SAMPLES];
        sample->lamp = converting;
        sample->raw = raw;
        sample->at_ms = converting_at;
        samples_in = (uint8_t)(in + 1);
    }
    converting = (uint8_t)((converting + 1) % LS_LAMPS);
    ADMUX = (uint8_t)((1 << REFS0) | converting);
}

ISR(USART_RX_vect)
{
    uint8_t damaged = UCSR0A & ((1 << FE0) | (1 << DOR0));
    uint8_t octet = UDR0;
    uint8_t in = octets_in;
    if (damaged || (uint8_t)(in - octets_out) >= OCTETS) {
        if (overruns < UINT8_MAX) {
            overruns++;
        }
        return;
    }
    octets[in % OCTETS] = octet;
    octets_in = (uint8_t)(in + 1);
}

ISR(USART_UDRE_vect)
{
    int16_t octet = ls_next_octet(&core);
    if (octet < 0) {
        UCSR0B &= (uint8_t)~(1 << UDRIE0);
    } else {
        UDR0 = (uint8_t)octet;
    }
}

static const char *cause(void)
{
    if (reset_cause & (1 << WDRF)) {
        return "watchdog";
    }
    if (reset_cause & (1 << BORF)) {
        return "brownout";
    }
    if (reset_cause & (1 << EXTRF)) {
        return "external";
    }
    return reset_cause & (1 << PORF) ? "power" : "unknown";
}

static void set_up(void)
{
    PORTD = FEEDBACK_PINS;
    DDRD = RELAY_PINS;
    /* 115200 baud: 16 MHz / 8 / 17 is 2.1 % fast, as on every board of this kind. */
    UBRR0 = 16;
    UCSR0A = 1 << U2X0;
    UCSR0C = (1 << UCSZ01) | (1 << UCSZ00);
    UCSR0B = (1 << RXEN0) | (1 << TXEN0) | (1 << RXCIE0);
    /* Reference AVcc; 16 MHz / 128 is 125 kHz, a conversion lasts 104 us. */
    ADMUX = 1 << REFS0;
    ADCSRA = (1 << ADEN) | (1 << ADIE) | (1 << ADPS2) | (1 << ADPS1) | (1 << ADPS0);
    DIDR0 = 0x3f;
    /* 16 MHz / 64 / 125 is 2000 Hz. */
    TCCR1A = 0;
    TCCR1B = (1 << WGM12) | (1 << CS11) | (1 << CS10);
    OCR1A = 124;
    TIMSK1 = 1 << OCIE1A;
    set_sleep_mode(SLEEP_MODE_IDLE);
    wdt_enable(WDTO_250MS);
}

static uint32_t clock_ms(void)
{
    uint32_t ms;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        ms = now_ms;
    }
    return ms;
}

static void take_samples(void)
{
    while (samples_out != samples_in) {
        volatile struct sample *sample = &samples[samples_out % SAMPLES];
        ls_sample(&core, sample->lamp, sample->raw, sample->at_ms);
        samples_out++;
    }
}

static void take_octets(uint32_t at_ms)
{
    while (octets_out != octets_in) {
        uint8_t octet = octets[octets_out % OCTETS];
        octets_out++;
        ls_receive(&core, octet, at_ms);
    }
    if (overruns) {
        overruns = 0;
        ls_overrun(&core);
    }
}

static void move_relays(void)
{
    uint8_t closed = ls_relays(&core);
    uint8_t pins = 0;
    if (closed & 1) {
        pins |= 1 << PD4;
    }
    if (closed & 2) {
        pins |= 1 << PD5;
    }
    PORTD = (uint8_t)((PORTD & ~RELAY_PINS) | pins);
}

static uint8_t feedback(void)
{
    uint8_t pins = (uint8_t)~PIND;
    return (uint8_t)(((pins >> PD6) & 1) | (((pins >> PD7) & 1) << 1));
}

int main(void)
{
    ls_init(&core, cause());
    set_up();
    sei();
    for (;;) {
        uint32_t at_ms = clock_ms();
        take_samples();
        take_octets(at_ms);
        ls_tick(&core, at_ms, feedback());
        move_relays();
        if (core.head != core.tail) {
            UCSR0B |= 1 << UDRIE0;
        }
        if (!ls_wants_restart(&core)) {
            wdt_reset();
        }
        sleep_mode();
    }
}
