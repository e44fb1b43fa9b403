using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

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
