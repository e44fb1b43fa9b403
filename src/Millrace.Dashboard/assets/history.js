// Remembers the last statuses, to say how fast each stage goes, where its lag is heading, and whether it stands still.

const kept = 60;

export class History {
  constructor() {
    this.samples = [];
  }

  add(status) {
    this.samples.push({ at: Date.parse(status.at), status });
    if (this.samples.length > kept) this.samples.shift();
  }

  /** The values of a counter, oldest first. */
  values(of) {
    return this.samples.map((sample) => of(sample.status) ?? 0);
  }

  /** How much a counter grew in each second, oldest first. */
  rates(of) {
    const rates = [];
    for (let i = 1; i < this.samples.length; i++) {
      const [was, now] = [this.samples[i - 1], this.samples[i]];
      const elapsed = Math.max(0.001, (now.at - was.at) / 1000);
      rates.push(Math.max(0, ((of(now.status) ?? 0) - (of(was.status) ?? 0)) / elapsed));
    }
    return rates;
  }

  /** The rate over the last few seconds; null before there are two samples. */
  rate(of) {
    const last = this.rates(of).slice(-3);
    return last.length ? last.reduce((sum, value) => sum + value, 0) / last.length : null;
  }

  /** 1 where a lag grows, -1 where it shrinks, 0 where it does neither. */
  trend(of) {
    const last = this.values(of).slice(-6);
    if (last.length < 4) return 0;
    const half = Math.floor(last.length / 2);
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const change = mean(last.slice(half)) - mean(last.slice(0, half));
    return Math.abs(change) < Math.max(2, 0.05 * mean(last)) ? 0 : Math.sign(change);
  }

  /** Whether there is something to do and nothing has been done for five seconds. */
  stalled(position, lag) {
    const window = this.samples.filter((sample) => sample.at >= Date.now() - 7000);
    if (window.length < 5) return false;
    const first = position(window[0].status);
    return window.every((sample) => lag(sample.status) > 0 && position(sample.status) === first);
  }
}
