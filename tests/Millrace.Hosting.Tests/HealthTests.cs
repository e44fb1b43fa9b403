using Microsoft.Extensions.Diagnostics.HealthChecks;
using Millrace.Sources;

namespace Millrace.Hosting.Tests;

public sealed class HealthTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly MillraceHealthOptions Options = new();

    [Fact]
    public void A_loop_that_no_longer_goes_round_is_not_alive_though_it_has_no_lag()
    {
        var status = new RuntimeStatus
        {
            At = Now,
            Partitions = [new PartitionState("parcel", 0) { CommandEnd = 5, Decided = 5 }],
            Loops =
            [
                new LoopState("post.parcel.decide.1", 0, Now.AddSeconds(-61), "Disk full."),
                new LoopState("post.parcel.decide.1", 1, Now.AddSeconds(-1), null),
            ],
        };

        var health = LiveCheck.Of(status, Options, started: Now.AddHours(-1));

        Assert.Equal(HealthStatus.Unhealthy, health.Status);
        Assert.Equal(
            "1 of 2 loops do not go round. post.parcel.decide.1[0] has not gone round for 61 s and threw: Disk full.",
            health.Description
        );
    }

    [Fact]
    public void A_loop_that_has_just_been_started_is_alive()
    {
        var status = new RuntimeStatus { At = Now, Loops = [new LoopState("post.parcel.decide.1", 0, default, null)] };

        Assert.Equal(HealthStatus.Healthy, LiveCheck.Of(status, Options, started: Now.AddSeconds(-59)).Status);
        Assert.Equal(HealthStatus.Unhealthy, LiveCheck.Of(status, Options, started: Now.AddSeconds(-61)).Status);
    }

    [Fact]
    public void A_source_that_stopped_says_why_it_is_not_ready()
    {
        var status = new RuntimeStatus
        {
            At = Now,
            Sources = [new SourceState("helpdesk", new SourceStatus { Connected = false }, "The binlog position was purged.")],
        };

        Assert.Equal("The source helpdesk has stopped: The binlog position was purged.", ReadyCheck.Of(status, Options).Description);
    }

    [Fact]
    public void A_snapshot_is_ready_unless_one_says_otherwise()
    {
        var status = new RuntimeStatus
        {
            At = Now,
            Sources =
            [
                new SourceState(
                    "helpdesk",
                    new SourceStatus
                    {
                        Connected = true,
                        LagMicroseconds = 0,
                        Snapshots = [new SnapshotProgress("tickets", 1, 2, null)],
                    },
                    null
                ),
            ],
        };

        Assert.Equal(HealthStatus.Healthy, ReadyCheck.Of(status, Options).Status);
        Assert.Equal(
            "The source helpdesk is taking a snapshot of tickets.",
            ReadyCheck.Of(status, new MillraceHealthOptions { ReadyDuringSnapshot = false }).Description
        );
    }
}
