using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Millrace.Parcels;

namespace Millrace.Hosting.Tests;

public sealed partial class TelemetryTests
{
    [Fact]
    public async Task Every_instrument_is_in_the_documented_table_with_its_unit_and_no_other_is()
    {
        var (host, _) = Hosts.PostOffice();
        using (host)
        {
            using var listener = new MeterListener();
            var instruments = new List<string>();
            listener.InstrumentPublished = (instrument, _) =>
            {
                if (
                    instrument.Meter.Name == MillraceTelemetry.MeterName
                    && ReferenceEquals(instrument.Meter.Scope, host.Services.GetRequiredService<IMeterFactory>())
                )
                {
                    var kind = instrument.GetType().Name.Contains("Counter", StringComparison.Ordinal) ? "counter" : "gauge";
                    instruments.Add($"{instrument.Name} {kind} {instrument.Unit}");
                }
            };
            listener.Start();
            await host.StartAsync(CancellationToken.None);
            await host.StopAsync(CancellationToken.None);

            var documented = Row().Matches(await File.ReadAllTextAsync(Documentation(), TestContext.Current.CancellationToken));
            Assert.Equal(documented.Select(row => $"{row.Groups[1]} {row.Groups[2]} {row.Groups[3]}").Order(), instruments.Order());
        }
    }

    [Fact]
    public async Task All_intents_of_one_transaction_are_one_trace()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == MillraceTelemetry.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        var (host, source) = Hosts.PostOffice(arguments: "--Millrace:Promises:BusyAbove=0");
        using (host)
        {
            await host.StartAsync(CancellationToken.None);
            await source.CommitAsync(rows =>
                rows.Insert("parcels", 901, "Oslo", "sent", null)
                    .Insert("parcels", 902, "Oslo", "sent", null)
                    .Insert("scans", 1, 901, "trace-north")
                    .Insert("scans", 2, 902, "trace-west")
            );
            await source.CommitAsync(rows => rows.Insert("parcels", 903, "Oslo", "sent", null).Insert("scans", 3, 903, "trace-south"));

            var alerts = await Eventually.Get(
                () => spans.Where(span => $"{span.GetTagItem("millrace.intent.id")}".Contains("trace-", StringComparison.Ordinal)).ToList(),
                found => found.Count == 3
            );

            Assert.All(alerts, alert => Assert.Equal("execute alert", alert.OperationName));
            Assert.Equal([1, 2], alerts.GroupBy(alert => alert.TraceId).Select(trace => trace.Count()).Order());
            await host.StopAsync(CancellationToken.None);
        }
    }

    private static string Documentation()
    {
        for (
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            ;
            folder = folder.Parent ?? throw new FileNotFoundException("docs/telemetry.md")
        )
        {
            var path = Path.Combine(folder.FullName, "docs", "telemetry.md");
            if (File.Exists(path))
            {
                return path;
            }
        }
    }

    [GeneratedRegex(@"^\| `(millrace\.[a-z.]+)` \| (gauge|counter) \| (\S+) \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
