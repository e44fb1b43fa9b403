using System.Collections.Concurrent;
using Millrace.Engines;
using Millrace.Kafka.Clients;
using Millrace.Kafka.State;

namespace Millrace.Kafka.Appending;

/// <summary>
/// Commits what appenders wrote: all that waits goes into one transaction. With a state it is the only writer of that state anywhere: whoever wrote it
/// before, in this process or another, was fenced when this one began.
/// </summary>
internal sealed class AppendWorker : IDisposable
{
    private const int MostTogether = 256;

    private readonly KafkaEngine _engine;
    private readonly string _name;
    private readonly bool _hasState;
    private readonly TransactionalSender _sender;
    private readonly BlockingCollection<Pending> _pending = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Thread _thread;
    private readonly Lock _gate = new();
    private volatile Ownership? _owner;
    private volatile bool _refuses;
    private Image? _image;
    private int _term;

    private sealed record Pending(KafkaTransaction? Transaction, Wish Wish, TaskCompletionSource Done);

    private enum Wish
    {
        Commit,
        Have,
        TakeAnew,
        LetGo,
    }

    /// <summary>That this process owns the appender, as others in the group know.</summary>
    public sealed record Ownership(Membership Membership, IReadOnlyList<Confluent.Kafka.TopicPartitionOffset> Offsets);

    /// <param name="engine">The engine.</param>
    /// <param name="name">The appender's name, or one of this process.</param>
    /// <param name="hasState">Whether it has a state.</param>
    public AppendWorker(KafkaEngine engine, string name, bool hasState)
    {
        _engine = engine;
        _name = name;
        _hasState = hasState;
        _sender = new TransactionalSender(engine.Clients, engine.Topics, name);
        _thread = new Thread(Run) { IsBackground = true, Name = $"millrace appender {name}" };
        _thread.Start();
    }

    /// <summary>The state to read and write; taken over from whoever had it at the first call.</summary>
    /// <param name="term">Which takeover it is, counted from 1.</param>
    public Image State(out int term)
    {
        lock (_gate)
        {
            term = _term;
            if (_image is { } image)
            {
                return image;
            }
        }
        Take(anew: false, _stopping.Token).GetAwaiter().GetResult();
        lock (_gate)
        {
            term = _term;
            return _image
                ?? throw new EngineException($"The state of '{_name}' was taken over by another process at this moment. Try again.");
        }
    }

    /// <summary>Takes the appender over: nobody else's commits to it succeed from here on, and its state is as they left it.</summary>
    /// <param name="anew">Whether to do so even where this process has it, as far as it knows.</param>
    /// <param name="cancellation">Stops waiting.</param>
    public Task Take(bool anew, CancellationToken cancellation) => Enqueue(null, anew ? Wish.TakeAnew : Wish.Have).WaitAsync(cancellation);

    /// <summary>From here on commits carry what proves the ownership.</summary>
    public void Own(Ownership owner)
    {
        _owner = owner;
        _refuses = false;
    }

    /// <summary>
    /// Another process owns it: what is still written here is refused, and must not take it back from that one. Completes when nothing of ours is under
    /// way.
    /// </summary>
    public Task Disown()
    {
        _refuses = true;
        return Enqueue(null, Wish.LetGo);
    }

    /// <summary>Nobody here competes for the ownership any more.</summary>
    public void Forget()
    {
        _owner = null;
        _refuses = false;
    }

    /// <summary>Lets go of the state; the next use takes it over again.</summary>
    public Task LetGo() => Enqueue(null, Wish.LetGo);

    public Task Commit(KafkaTransaction transaction) => Enqueue(transaction, Wish.Commit);

    public void Dispose()
    {
        _stopping.Cancel();
        _pending.CompleteAdding();
        _thread.Join();
        _sender.Dispose();
        _pending.Dispose();
        _stopping.Dispose();
    }

    private Task Enqueue(KafkaTransaction? transaction, Wish wish)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            _pending.Add(new Pending(transaction, wish, done));
            return done.Task;
        }
        catch (InvalidOperationException)
        {
            throw new ObjectDisposedException(nameof(KafkaEngine));
        }
    }

    private void Run()
    {
        var together = new List<Pending>();
        foreach (var first in _pending.GetConsumingEnumerable())
        {
            together.Clear();
            together.Add(first);
            while (together.Count < MostTogether && _pending.TryTake(out var more))
            {
                together.Add(more);
            }
            // Whoever asks for a takeover asks it for what comes after what was handed over before.
            var from = 0;
            for (var i = 0; i < together.Count; i++)
            {
                if (together[i].Transaction is null)
                {
                    Write(together[from..i]);
                    Answer(together[i]);
                    from = i + 1;
                }
            }
            Write(together[from..]);
        }
    }

    private void Answer(Pending pending)
    {
        try
        {
            if (pending.Wish == Wish.LetGo)
            {
                Lose();
            }
            else if (_hasState && (pending.Wish == Wish.TakeAnew || _image is null))
            {
                TakeOver();
            }
            pending.Done.SetResult();
        }
        catch (Exception e)
        {
            pending.Done.SetException(e);
        }
    }

    private void TakeOver()
    {
        Refuse();
        Lose();
        // This comes first because it is the first that a start asks of the broker, and says clearly what is wrong with it.
        _engine.Topics.CreateStateAsync(_name, 1).GetAwaiter().GetResult();
        _sender.Renew(_stopping.Token);
        var image = _engine.Images.Open(_name, 0);
        _engine.Follower.AcquireAsync(image, _stopping.Token).GetAwaiter().GetResult();
        lock (_gate)
        {
            _image = image;
            _term++;
        }
    }

    private void Refuse()
    {
        if (_refuses)
        {
            throw new EngineException(
                $"Another process has taken '{_name}' over; nothing more is written here until it comes back to this one."
            );
        }
    }

    private void Write(List<Pending> together)
    {
        if (together.Count == 0)
        {
            return;
        }
        try
        {
            Refuse();
            Image? image;
            lock (_gate)
            {
                image = _image;
            }
            // What was read before the state was taken over once more may have changed since.
            if (_hasState && (image is null || together.Exists(p => p.Transaction!.Term != _term)))
            {
                throw new EngineException(
                    $"'{_name}' lost its state to another process, or could not commit; what was written was not. Begin again."
                );
            }
            var owner = _owner;
            var parts = together.ConvertAll(p => new Part { Transaction = p.Transaction!, Image = image });
            if (image is not null)
            {
                // Ends the transaction in the state's topic, so that copies apply it whole.
                parts[^1].Positions.Add(new("", 0));
            }
            image?.BeginCommit();
            _sender.Commit(parts, owner?.Offsets ?? [], owner?.Membership, _stopping.Token);
            if (image is not null)
            {
                var next = parts[^1].Next;
                _engine.Images.Write(batch =>
                {
                    foreach (var part in parts)
                    {
                        image.Apply(batch, part.Transaction.State, part.Positions, next);
                    }
                });
                image.Applied(parts[^1].Positions, next);
                image.EndCommit();
                if (!_sender.IsReady)
                {
                    // The producer was given up after the commit. Before we have the name again another process may have had it, and written.
                    Lose();
                }
            }
        }
        catch (Exception e)
        {
            Lose();
            var said = e as EngineException ?? new EngineException($"'{_name}' could not commit: {e.Message}", e);
            together.ForEach(p => p.Done.SetException(said));
            return;
        }
        together.ForEach(static p => p.Done.SetResult());
    }

    /// <summary>What is here may not be what the broker has; the next use takes it over again.</summary>
    private void Lose()
    {
        Image? image;
        lock (_gate)
        {
            image = _image;
            _image = null;
        }
        if (image is not null)
        {
            image.EndCommit();
            _engine.Release(image);
        }
    }
}
