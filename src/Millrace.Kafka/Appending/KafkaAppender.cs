using Millrace.Engines;

namespace Millrace.Kafka.Appending;

/// <summary>A named writer. What touches no state is written under this process's name, so that several processes may append at once.</summary>
internal sealed class KafkaAppender(KafkaEngine engine, string name) : IAppender
{
    private volatile bool _hasTaken;

    public ITransaction Begin()
    {
        KafkaTransaction? transaction = null;
        transaction = new KafkaTransaction(() =>
        {
            _hasTaken = true;
            var image = engine.Stateful(name).State(out var term);
            transaction!.Term = term;
            return image;
        });
        return transaction;
    }

    public async ValueTask CommitAsync(ITransaction transaction, bool durable, CancellationToken cancellation)
    {
        var written = (KafkaTransaction)transaction;
        if (written.HasWrites)
        {
            var worker = written.TouchedState ? engine.Stateful(name) : engine.Stateless;
            await worker.Commit(written).WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Lets go of the state, so that what another process writes to it from here on is seen by who reads it here.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_hasTaken)
        {
            await engine.LetGoAsync(name).ConfigureAwait(false);
        }
    }
}
