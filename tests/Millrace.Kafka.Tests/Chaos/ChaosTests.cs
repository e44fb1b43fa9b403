using Millrace.Engines.Contract;

namespace Millrace.Kafka.Tests.Chaos;

public sealed class ChaosTests
{
    [Fact]
    public async Task Killed_frozen_and_cut_off_everything_is_there_once_and_in_order()
    {
        using var folder = new TemporaryFolder();
        var settings = new ChaosSettings
        {
            Seed = 20,
            Changes = 12_000,
            PerSecond = 500,
            Between = TimeSpan.FromSeconds(6),
            Faults = ["kill", "freeze", "broker-restart"],
        };
        var said = new List<string>();
        try
        {
            Assert.True(await new ChaosRound(settings, said.Add).Run(folder.Path) > 0);
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidOperationException($"seed {settings.Seed}: {string.Join('\n', said)}\n{e.Message}", e);
        }
    }
}
