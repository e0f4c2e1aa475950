"""The senses: each looks at one thing of the outside world and gives records, never a judgement."""
