using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Millrace.Parcels;

namespace Millrace.Hosting.Tests;

public sealed class LivenessTests
{
    [Fact]
    public async Task A_decision_that_never_returns_is_a_dead_loop_until_it_returns()
    {
        // A loop without work shows every 5 s that it lives.
        var (host, source) = Hosts.PostOffice(arguments: "--Millrace:Health:MaxHeartbeatAge=00:00:08");
        using (host)
        {
            await host.StartAsync(CancellationToken.None);
            var health = host.Services.GetRequiredService<HealthCheckService>();
            await Eventually.Get(() => Live(health), live => live.Status == HealthStatus.Healthy);

            Parcel.Gate.Reset();
            await source.CommitAsync(rows => rows.Insert("parcels", 1, "Oslo", "waiting at the gate", null));
            var dead = await Eventually.Get(() => Live(health), live => live.Status == HealthStatus.Unhealthy);
            Assert.Contains("post.parcel.decide.1[", dead.Description, StringComparison.Ordinal);

            Parcel.Gate.Set();
            await Eventually.Get(() => Live(health), live => live.Status == HealthStatus.Healthy);
            await host.StopAsync(CancellationToken.None);
        }
    }

    private static async Task<HealthReportEntry> Live(HealthCheckService health) =>
        (await health.CheckHealthAsync(check => check.Name == "millrace-live", CancellationToken.None)).Entries["millrace-live"];
}
