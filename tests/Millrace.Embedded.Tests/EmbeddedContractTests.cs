using Millrace.Engines;
using Millrace.Engines.Contract;

namespace Millrace.Embedded.Tests;

internal sealed class EmbeddedWorld(IFolder folder, Func<string, EmbeddedOptions> options) : RealWorld
{
    private EmbeddedEngine _engine = EmbeddedEngine.Open(options(folder.Path));

    public override IEngine Engine => _engine;

    public override async Task Restart()
    {
        await _engine.DisposeAsync();
        _engine = EmbeddedEngine.Open(options(folder.Path));
    }

    /// <summary>As it comes; with next to no memory, so that everything goes through the store; and synced at every commit.</summary>
    public static async Task Run(Func<World, Task> test)
    {
        await Run(test, path => new EmbeddedOptions { Folder = path });
        await Run(
            test,
            path => new EmbeddedOptions
            {
                Folder = path,
                TailBytes = 1,
                StateBytes = 0,
                WriteBufferBytes = 64 << 10,
            }
        );
        await Run(test, path => new EmbeddedOptions { Folder = path, SyncEvery = TimeSpan.Zero });
    }

    private static async Task Run(Func<World, Task> test, Func<string, EmbeddedOptions> options)
    {
        using var folder = new TemporaryFolder();
        var world = new EmbeddedWorld(folder, options);
        try
        {
            await test(world);
        }
        finally
        {
            await world.Engine.DisposeAsync();
        }
    }
}

public sealed class EmbeddedLogTests : LogContract
{
    protected override Task Run(Func<World, Task> test) => EmbeddedWorld.Run(test);
}

public sealed class EmbeddedStateTests : StateContract
{
    protected override Task Run(Func<World, Task> test) => EmbeddedWorld.Run(test);
}

public sealed class EmbeddedProcessingTests : ProcessingContract
{
    protected override Task Run(Func<World, Task> test) => EmbeddedWorld.Run(test);
}

public sealed class EmbeddedRestartTests : RestartContract
{
    protected override Task Run(Func<World, Task> test) => EmbeddedWorld.Run(test);
}
